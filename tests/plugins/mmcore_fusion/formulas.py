"""The methods transcribed in NumPy, row by row, over the modalities that a row has: no tensors, no `where`.

`row` is modality → vector, or → tokens `(L, D)`, in the order of the modalities, None where it is absent. `weights` are
the numbers of the module, by name. A linear map is a pair `(W, b)`.
"""

import itertools
import math

import numpy as np


def relu(values):
    return np.maximum(values, 0)


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def linear(pair, vector):
    return pair[0] @ vector + pair[1]


def there(row):
    return {name: vector for name, vector in row.items() if vector is not None}


def concat(row, widths):
    return np.concatenate([np.zeros(widths[name]) if vector is None else vector for name, vector in row.items()])


def multconcat(row, maps, width):
    """arXiv:2406.04349."""
    outputs = {name: None if vector is None else relu(linear(maps[name], vector)) for name, vector in row.items()}
    slots = [np.zeros(width) if output is None else output for output in outputs.values()]
    return np.concatenate([*slots, np.prod(list(there(outputs).values()), axis=0)])


def arithmetic(row, maps, operation):
    outputs = [linear(maps[name], vector) for name, vector in there(row).items()]
    return {"sum": np.sum, "mean": np.mean, "max": np.max, "product": np.prod}[operation](outputs, axis=0)


def gated(row, widths, maps, gates, tied):
    """arXiv:1702.01992; `gates` are matrices over everything, absent modalities zero in it."""
    everything = concat(row, widths)
    raw = {name: gates[name] @ everything if name in gates else None for name in row}
    if tied and len(row) == 2:
        first, second = row
        if row[first] is None:
            z = 0.0
        elif row[second] is None:
            z = 1.0
        else:
            z = sigmoid(raw[first])
        shares = {first: z, second: 1 - z}
    elif tied:
        powers = {name: np.exp(raw[name]) for name in there(row)}
        shares = {name: power / sum(powers.values()) for name, power in powers.items()}
    else:
        shares = {name: sigmoid(raw[name]) for name in row}
    return sum(shares[name] * np.tanh(maps[name] @ vector) for name, vector in there(row).items())


def attention(row, widths, maps, score):
    scores = dict(zip(row, linear(score, concat(row, widths)), strict=True))
    shares = softmax(np.array([scores[name] for name in there(row)]))
    return sum(
        share * linear(maps[name], vector) for share, (name, vector) in zip(shares, there(row).items(), strict=True)
    )


def outer(vectors):
    """The outer product of any number of vectors, as a tensor with an axis for each."""
    result = np.ones(())
    for vector in vectors:
        result = np.multiply.outer(result, vector)
    return result


def tensor_fusion(row, widths, layer):
    """arXiv:1707.07250, and a ReLU layer."""
    extended = [np.append(np.zeros(widths[name]) if vector is None else vector, 1.0) for name, vector in row.items()]
    return relu(linear(layer, outer(extended).ravel()))


def full_tensor(factors, weights):
    """The tensor `(D_1 + 1, …, D_M + 1, o)` that factors `(R, D_m + 1, o)` stand for: `Σ_r w_r ⊗_m W_m^(r)`."""
    sizes = [factor.shape[1] for factor in factors]
    dim = factors[0].shape[2]
    tensor = np.zeros((*sizes, dim))
    for rank, weight in enumerate(weights):
        for unit in range(dim):
            tensor[..., unit] += weight * outer([factor[rank, :, unit] for factor in factors])
    return tensor


def contracted(vectors, tensor, bias):
    """`[1; x_1] ⊗ … ⊗ [1; x_M]` contracted with a tensor `(D_1 + 1, …, D_M + 1, o)`; arXiv:1806.00064."""
    product = outer([np.insert(vector, 0, 1.0) for vector in vectors])
    return np.tensordot(product, tensor, axes=product.ndim) + bias


def low_rank(row, factors, weights, bias):
    """arXiv:1806.00064."""
    terms = []
    for rank in range(len(weights)):
        parts = [np.insert(vector, 0, 1.0) @ factors[name][rank] for name, vector in there(row).items()]
        terms.append(weights[rank] * np.prod(parts, axis=0))
    return np.sum(terms, axis=0) + bias


def layer_norm(vector, scale=1.0, shift=0.0):
    return (vector - vector.mean(-1, keepdims=True)) / np.sqrt(vector.var(-1, keepdims=True) + 1e-5) * scale + shift


def lmf(row, subnets, core):
    """`subnets`: modality → linear map between two norms."""
    inner = {
        name: None if vector is None else layer_norm(linear(subnets[name], layer_norm(vector)))
        for name, vector in row.items()
    }
    return layer_norm(low_rank(inner, **core))


def mlb(row, maps, output, activation):
    """arXiv:1610.04325."""
    return linear(output, np.prod([activation(linear(maps[name], x)) for name, x in there(row).items()], axis=0))


def power_normalised(vector):
    rooted = np.sign(vector) * np.sqrt(np.abs(vector))
    return rooted / np.sqrt((rooted**2).sum())


def mfb(row, maps, dim, factor):
    """arXiv:1708.01471."""
    products = np.prod([linear(maps[name], x) for name, x in there(row).items()], axis=0)
    return power_normalised(np.array([products[unit * factor : (unit + 1) * factor].sum() for unit in range(dim)]))


def mutan(row, maps, slices, output, rank):
    """arXiv:1705.06676."""
    parts = [linear(slices[name], linear(maps[name], x)) for name, x in there(row).items()]
    width = len(parts[0]) // rank
    merged = sum(np.prod([part[r * width : (r + 1) * width] for part in parts], axis=0) for r in range(rank))
    return linear(output, merged)


def block(row, maps, slices, output, chunks):
    """arXiv:1902.00038; `slices`: modality → (weight (chunks, rank, size, size), bias (chunks, rank, size))."""
    merged = []
    for chunk in range(chunks):
        parts = []
        for name, vector in there(row).items():
            piece = np.split(linear(maps[name], vector), chunks)[chunk]
            weight, bias = slices[name]
            parts.append([weight[chunk, r] @ piece + bias[chunk, r] for r in range(weight.shape[1])])
        merged.append(power_normalised(np.prod(parts, axis=0).sum(0)))
    return linear(output, np.concatenate(merged))


def bilinear(row, forms, maps, bias):
    """ICLR 2020, openreview rylnK6VtDH, over all pairs."""
    result = bias + sum(maps[name] @ vector for name, vector in there(row).items())
    for first, second in itertools.combinations(there(row), 2):
        form = forms[first, second]
        result = result + np.array([row[first] @ matrix @ row[second] for matrix in form])
    return result


def film(row, main, maps, width):
    """arXiv:1709.07871, equation 2."""
    gamma, beta = np.ones(width), np.zeros(width)
    for name, vector in there(row).items():
        if name != main:
            change = linear(maps[name], vector)
            gamma, beta = gamma + change[:width], beta + change[width:]
    return gamma * (np.zeros(width) if row[main] is None else row[main]) + beta


def mag(row, main, gates, shifts, beta, width):
    """arXiv:1908.05787."""
    e = np.zeros(width) if row[main] is None else row[main]
    h = np.zeros(width)
    for name, vector in there(row).items():
        if name != main:
            h += relu(linear(gates[name], np.concatenate([vector, e]))) * linear(shifts[name], vector)
    length = np.sqrt((h**2).sum())
    alpha = 1.0 if row[main] is None or length == 0 else min(beta * np.sqrt((e**2).sum()) / length, 1.0)
    return layer_norm(e + alpha * h)


def deep_set(row, maps, rho, pool):
    """arXiv:1703.06114, theorem 2."""
    return linear(rho[1], relu(linear(rho[0], arithmetic(row, maps, pool))))


def attend(asking, asked, maps, heads):
    """arXiv:1706.03762, equation 1, head by head; tokens `(L, D)` and `(S, D)`."""
    query, key, value = ([linear(maps[part], token) for token in tokens]
                         for part, tokens in (("query", asking), ("key", asked), ("value", asked)))  # fmt: skip
    size = len(query[0]) // heads
    result = []
    for q in query:
        mixed = []
        for head in range(heads):
            cut = slice(head * size, (head + 1) * size)
            shares = softmax(np.array([q[cut] @ k[cut] for k in key]) / math.sqrt(size))
            mixed.append(sum(share * v[cut] for share, v in zip(shares, value, strict=True)))
        result.append(linear(maps["output"], np.concatenate(mixed)))
    return np.array(result)


def cross_attention(row, maps, attentions, heads, main, dim):
    tokens = {name: np.array([linear(maps[name], token) for token in own]) for name, own in there(row).items()}
    slots = []
    for name in [main] if main else row:
        others = [each for other, each in tokens.items() if other != name]
        if name not in tokens:
            slots.append(np.concatenate(others).mean(0) if main else np.zeros(dim))
            continue
        heard = attend(tokens[name], np.concatenate(others), attentions[name], heads) if others else 0.0
        slots.append((tokens[name] + heard).mean(0))
    return np.concatenate(slots)


def transformer_layer(asking, asked, maps, heads):
    """Norms inside, as in the code of arXiv:1906.00295."""
    if len(asked):
        asking = asking + attend(layer_norm(asking), layer_norm(asked), maps["attention"], heads)
    inner = [linear(maps["inner"][1], relu(linear(maps["inner"][0], token))) for token in layer_norm(asking)]
    return asking + np.array(inner)


def stack(asking, asked, layers, heads):
    """`asked` None: a sequence that asks itself."""
    for layer in layers:
        asking = transformer_layer(asking, asking if asked is None else asked, layer, heads)
    return layer_norm(asking)


def sinusoids(length, dim):
    places = np.zeros((length, dim))
    for place, unit in itertools.product(range(length), range(dim)):
        angle = place / 10_000 ** (unit // 2 * 2 / dim)
        places[place, unit] = math.cos(angle) if unit % 2 else math.sin(angle)
    return places


def mult(row, maps, crossmodal, memories, inner, heads, dim, pool):
    """arXiv:1906.00295, section 3."""
    tokens = {}
    for name, own in there(row).items():
        flat = np.array([maps[name] @ token for token in own])
        tokens[name] = flat * math.sqrt(dim) + sinusoids(len(flat), dim)
    slots = []
    for name in row:
        if name not in tokens:
            slots.append(np.zeros(dim * (len(row) - 1)))
            continue
        heard = [
            stack(tokens[name], tokens.get(other, np.zeros((0, dim))), crossmodal[name][other], heads)
            for other in row
            if other != name
        ]
        memory = stack(np.concatenate(heard, axis=1), None, memories[name], heads)
        slots.append(memory[-1] if pool == "last" else memory.mean(0))
    together = np.concatenate(slots)
    return together + linear(inner[1], relu(linear(inner[0], together)))


def joint_transformer(row, maps, marks, reader, layers, heads):
    parts = [reader[None]]
    for name, own in there(row).items():
        parts.append(np.array([linear(maps[name], token) for token in own]) + marks[name])
    return stack(np.concatenate(parts), None, layers, heads)[0]


SQUASH = {"single_label": softmax, "multi_label": sigmoid, "regression": lambda value: value}


def soft_vote(row, task_type, weights=None):
    """What the fused probabilities are (in regression, the fused output)."""
    weights = weights or dict.fromkeys(row, 1.0)
    cast = {name: SQUASH[task_type](logits) for name, logits in there(row).items()}
    return sum(weights[name] * vote for name, vote in cast.items()) / sum(weights[name] for name in cast)


def product_of_experts(row, task_type, precisions=None):
    """Fused probabilities by multiplication of the experts' own; in regression the mean of the product of normals."""
    experts = there(row)
    if task_type == "regression":
        return sum(precisions[name] * value for name, value in experts.items()) / sum(precisions[n] for n in experts)
    yes = np.prod([SQUASH[task_type](logits) for logits in experts.values()], axis=0)
    if task_type == "single_label":
        return yes / yes.sum()
    return yes / (yes + np.prod([sigmoid(-logits) for logits in experts.values()], axis=0))
