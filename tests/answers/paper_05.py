"""Answers to the exercises of notebook 05: common wrong ones with what the check says, and right ones in another form."""

# ruff: noqa: E501 - an answer stands on one line with its message

from tests.answers import NOTHING_YET

WRONG = {  # id: (what went wrong, body, part of the message)
    "e1-constant": [
        ("micro F1", "return p", "this is the micro F1"),
        ("F1 of one class", "return 2 * p / (1 + p)", "this is the F1 of the majority class"),
        ("precision instead of F1", "return p / K", "this averages the precision"),
        ("recall instead of F1", "return 1 / K", "scikit-learn says"),
        ("over the other classes", "return 2 * p / (1 + p) / (K - 1)", "scikit-learn says"),
        ("5 classes for all", "return 2 * p / (1 + p) / 5", "scikit-learn says"),
        ("0.5 for the others", "return (2 * p / (1 + p) + 0.5 * (K - 1)) / K", "scikit-learn says"),
        ("printed, not returned", "print(2 * p / (1 + p) / K)", NOTHING_YET),
    ],
    "e2-dynamic": [
        ("static attention", "e = F.leaky_relu((u_x[:, None] + v) @ a, 0.02)\nreturn e.softmax(dim=1)", "LeakyReLU is applied after a"),
        ("no LeakyReLU", "return ((u_x[:, None] + v) @ a).softmax(dim=1)", "another query changes nothing"),
        ("keys alone", "return (F.leaky_relu(v, 0.02) @ a).softmax(dim=1)", "another query changes nothing"),
        ("LeakyReLU of the query alone", "return ((F.leaky_relu(u_x, 0.02)[:, None] + v) @ a).softmax(dim=1)", "another query changes nothing"),
        ("no softmax", "return F.leaky_relu(u_x[:, None] + v, 0.02) @ a", "do not sum to 1; softmax over which dimension"),
        ("softmax over records", "return (F.leaky_relu(u_x[:, None] + v, 0.02) @ a).softmax(dim=0)", "softmax over which dimension"),
        ("a weight per feature", "return (F.leaky_relu(u_x[:, None] + v, 0.02) * a).softmax(dim=1)", "expected (64, 3)"),
        ("a dimension too many", "return (F.leaky_relu(u_x[:, None] + v, 0.02) @ a[:, None]).softmax(dim=1)", "expected (64, 3)"),
        ("default slope", "return (F.leaky_relu(u_x[:, None] + v) @ a).softmax(dim=1)", "check the slope, 0.02"),
        ("ReLU", "return (F.relu(u_x[:, None] + v) @ a).softmax(dim=1)", "check the slope, 0.02"),
    ],
    "e3-ordinal": [
        ("sign turned round", "below = 1 / (1 + np.exp(-(cuts + s[:, None])))\nreturn np.diff(np.c_[0 * s, below, 0 * s + 1])", "the sign in the sigmoid is turned round"),
        ("score minus cut", "below = 1 / (1 + np.exp(-(s[:, None] - cuts)))\nreturn np.diff(np.c_[0 * s, below, 0 * s + 1])", "some probabilities are negative"),
        ("no ends", "return np.diff(1 / (1 + np.exp(-(cuts - s[:, None]))))", "four cuts make five classes"),
        ("cumulative", "return np.c_[1 / (1 + np.exp(-(cuts - s[:, None]))), 0 * s + 1]", "rows do not sum to 1"),
        ("subtracted backwards", "b = np.c_[0 * s, 1 / (1 + np.exp(-(cuts - s[:, None]))), 0 * s + 1]\nreturn b[:, :-1] - b[:, 1:]", "subtract in the other order"),
        ("hard classes", "return np.eye(5)[np.searchsorted(cuts, s)]", "the middle class of s = 0 is wrong"),
        ("another link", "from scipy.stats import norm\nreturn np.diff(np.c_[0 * s, norm.cdf(cuts - s[:, None]), 0 * s + 1])", "use the sigmoid"),
        ("a softmax", "e = np.exp(-abs(np.array([-3, -1.25, 0, 1.25, 3]) - s[:, None]))\nreturn e / e.sum(1, keepdims=True)", "the middle class"),
        ("transposed", "below = 1 / (1 + np.exp(-(cuts[:, None] - s)))\nreturn np.diff(np.r_[[0 * s], below, [0 * s + 1]], axis=0)", "rows do not sum to 1"),
    ],
}  # fmt: skip

RIGHT = {
    "e1-constant": "f1 = [0.0] * (K - 1) + [2 * p * 1.0 / (p + 1.0)]\nreturn np.mean(f1)",
    "e2-dynamic": "z = torch.where((h := u_x.unsqueeze(1) + v) > 0, h, 0.02 * h)\nreturn torch.softmax(torch.einsum('bjt,t->bj', z, a), -1)",
    "e3-ordinal": "above = 1 / (1 + np.exp(cuts - s[:, None]))\nreturn np.c_[1 - above[:, 0], above[:, :-1] - above[:, 1:], above[:, -1]]",
}  # fmt: skip
