import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `small.py`, also for the processes that tests start
