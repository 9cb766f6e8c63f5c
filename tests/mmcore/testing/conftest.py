import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `sound_components.py`, `broken_components.py`
