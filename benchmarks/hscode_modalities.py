"""How well each modality of the simulated declarations does by itself, and the oracle: what a fusion has to gain.

No fusion is in here: the simulator is frozen before any is run on it. Texts: logistic regression over TF-IDF of words
and of letter groups; picture: over features of the pretrained EfficientNet-Lite0; C is chosen on the validation part.

    python benchmarks/hscode_modalities.py --rows 2000 --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

import mmcore_hscode
from mmcore_hscode.simulation import declarations, oracle_top_k, write_declarations

TEXTS = {"D": ("description",), "T": ("title",), "C": ("category",), "T+D+C": ("description", "title", "category")}
REGULARISATIONS = (0.3, 1.0, 3.0, 10.0, 30.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--no-pictures", action="store_true")
    given = parser.parse_args()
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "data"
            write_declarations(path, given.rows, seed)
            for name, figures in scores(path, given.rows, seed, pictures=not given.no_pictures).items():
                print(f"| {given.rows} | {seed} | {name} | " + " | ".join(f"{each:.3f}" for each in figures) + " |")


def scores(path: Path, rows: int, seed: int, *, pictures: bool) -> dict[str, list[float]]:
    """Top-1, -3 and -5 on the test rows: each modality, the three texts together, the oracle."""
    source = mmcore_hscode.build(mmcore_hscode.HSCodeOptions(path=str(path)))
    codes = np.array(source.rows["hs_code"][:])
    parts = {name: np.array(numbers) for name, numbers in source.splits.items()}
    cells = {name: source.rows[field.columns[0]][:] for name, field in source.modalities.items()}
    found = {}
    for name, used in TEXTS.items():
        blocks = [vectors([cells[each][row] or "" for row in range(len(codes))], parts["train"]) for each in used]
        found[name] = best(sparse.hstack(blocks, format="csr"), codes, parts)
    if pictures:
        found["I"] = best(picture_features(cells["image"], source.root), codes, parts)
    made = {each.cells()[0]: each for each in declarations(rows, seed)}
    ids = source.rows["id"][:]
    found["oracle"] = list(oracle_top_k([made[ids[row]] for row in parts["test"]]).values())
    return found


def vectors(texts: list[str], train: np.ndarray) -> sparse.spmatrix:
    """Words and pairs of them, and groups of two to five letters; learned on the training rows."""
    union = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=4000)),
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, max_features=4000)),
        ]
    )
    union.fit([texts[row] for row in train])
    return union.transform(texts).astype(np.float32)


def picture_features(pictures: list[str | None], root: Path) -> np.ndarray:
    """1,280 features of EfficientNet-Lite0, standardised; zeros without a picture."""
    import torch
    from PIL import Image

    from mmcore_image.lite0 import lite0_encoder

    encoder = lite0_encoder("pretrained").eval()
    torch.set_num_threads(1)
    found = np.zeros((len(pictures), 1280), dtype=np.float32)
    there = [row for row, picture in enumerate(pictures) if picture]
    for start in range(0, len(there), 64):
        some = there[start : start + 64]
        tensors = []
        for row in some:
            picture = Image.open(io.BytesIO((root / pictures[row]).read_bytes())).convert("RGB").resize((224, 224))
            tensors.append(torch.tensor(np.asarray(picture) / 127.5 - 1, dtype=torch.float32).permute(2, 0, 1))
        with torch.inference_mode():
            out = encoder({"pixels": torch.stack(tensors)})
        found[some] = getattr(out, "vector", out).numpy()
    found[there] = (found[there] - found[there].mean(0)) / (found[there].std(0) + 1e-6)
    return found


def best(features: np.ndarray | sparse.spmatrix, codes: np.ndarray, parts: dict[str, np.ndarray]) -> list[float]:
    """Top-1, -3 and -5 on the test rows by the regularisation that is best on the validation rows."""
    train, validation, test = parts["train"], parts["validation"], parts["test"]
    scale = 1.0 if sparse.issparse(features) else 0.003
    models = [
        LogisticRegression(C=strength * scale, max_iter=300).fit(features[train], codes[train])
        for strength in REGULARISATIONS
    ]
    chosen = max(models, key=lambda model: top_k(model, features[validation], codes[validation], 1))
    return [top_k(chosen, features[test], codes[test], k) for k in (1, 3, 5)]


def top_k(model: LogisticRegression, features: np.ndarray | sparse.spmatrix, codes: np.ndarray, k: int) -> float:
    first = model.classes_[np.argsort(-model.predict_proba(features), axis=1)[:, :k]]
    return float((first == codes[:, None]).any(1).mean())


if __name__ == "__main__":
    main()
