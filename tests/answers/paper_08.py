"""Answers to the exercises of notebook 08: common wrong ones with what the check says, and right ones in another form."""

# ruff: noqa: E501 - an answer stands on one line with its message

WRONG = {  # id: (what went wrong, body, part of the message)
    "e1-percent": [
        ("rounding up called wrong", "return [m for m, a, b, p in rows if round(100 * (a - b) / a) != p]", "is rounded up; the task leaves those"),
        ("a fraction", "return [m for m, a, b, p in rows if abs((a - b) / a - p) > 1]", "every row is called wrong"),
        ("relative to the fixed model", "return [m for m, a, b, p in rows if not 0 <= p - 100 * (a - b) / b + 0.5 <= 1.5]", "every row is called wrong"),
        ("a tolerance of two points", "return [m for m, a, b, p in rows if abs(100 * (a - b) / a - p) > 2]", "no row is called wrong"),
        ("rounding down accepted", "return [m for m, a, b, p in rows if abs(100 * (a - b) / a - p) >= 1]", "22.8 % is 23, not 22 or 25"),
        ("numbers of rows", "return [i for i, (m, a, b, p) in enumerate(rows) if int(100 * (a - b) / a) > p]", "return a list of names"),
        ("the name alone", "return ['WMT-14 EN-DE']", "of a made-up table"),
        ("nothing", "return []", "no row is called wrong"),
    ],
    "e2-seed": [
        ("raw rows", "return torch.cat([f @ draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed + k)).T for k in range(blocks)], dim=1)", "not divided by their length"),
        ("one seed for all", "return torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed)), dim=1).T for k in range(blocks)], dim=1)", "every block has the same rows"),
        ("one generator for all", "g = torch.Generator().manual_seed(seed)\nreturn torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', g), dim=1).T for k in range(blocks)], dim=1)", "check seeds and order"),
        ("blocks backwards", "return torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed + k)), dim=1).T for k in reversed(range(blocks))], dim=1)", "check seeds and order"),
        ("columns of unit length", "return torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed + k)), dim=0).T for k in range(blocks)], dim=1)", "check seeds and order"),
        ("one block", "return f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed)), dim=1).T", "expected (6, 40)"),
        ("another draw", "return torch.cat([f @ F.normalize(draw_rows(size, f.shape[1], 'uniform', torch.Generator().manual_seed(seed + k)), dim=1).T for k in range(blocks)], dim=1)", "check seeds and order"),
        ("stacked", "return torch.stack([f @ F.normalize(draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(seed + k)), dim=1).T for k in range(blocks)], dim=1)", "expected (6, 40)"),
    ],
    "e3-sayable": [
        ("unit rows", "W = W / np.linalg.norm(W, axis=1, keepdims=True)\nreturn set((W @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=0).tolist())", "do not divide the rows by their length"),
        ("half the circle", "a = angles[angles < np.pi]\nreturn set((W @ np.stack([np.cos(a), np.sin(a)])).argmax(axis=0).tolist())", "does f go all the way round"),
        ("the others", "return set(range(len(W))) - set((W @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=0).tolist())", "can never be said"),
        ("the best angle of each word", "return set((W @ np.stack([np.cos(angles), np.sin(angles)])).argmax(axis=1).tolist())", "does f go all the way round"),
        ("the longest rows", "return set(np.argsort(-np.linalg.norm(W, axis=1))[:6].tolist())", "does f go all the way round"),
        ("degrees", "a = np.deg2rad(angles)\nreturn set((W @ np.stack([np.cos(a), np.sin(a)])).argmax(axis=0).tolist())", "does f go all the way round"),
        ("all words", "return set(range(len(W)))", "do not divide the rows by their length"),
    ],


}  # fmt: skip

RIGHT = {
    "e1-percent": "import math\nexact = {m: 100 - 100 * b / a for m, a, b, p in rows}\nreturn [m for m, a, b, p in rows if p not in (math.ceil(exact[m]), round(exact[m]))]",
    "e2-seed": "out = []\nfor k in range(blocks):\n    w = draw_rows(size, f.shape[1], 'normal', torch.Generator().manual_seed(k + seed))\n    out.append(f @ w.T / w.norm(dim=1))\nreturn torch.hstack(out)",
    "e3-sayable": "return {max(range(len(W)), key=lambda j: W[j] @ np.array([np.cos(a), np.sin(a)])) for a in angles[::20]}",
}  # fmt: skip
