"""A causal transformer: what it says of a token depends on the tokens before it."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad


class CausalTransformer(nn.Module):
    """Pre-norm transformer over T tokens of P numbers; output t is a function of tokens before t.

    The first output is learned and the same for all. All outputs start at zero.

    Args:
        tokens: Number T of tokens.
        numbers: Numbers P of a token.
        outputs: Numbers returned for each token.
        layers: Layers of attention and a network of two linear maps.
        width: Numbers of a token inside.
        heads: Heads of attention; divides the width.
    """

    def __init__(
        self, tokens: int, numbers: int, outputs: int, *, layers: int, width: int, heads: int
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(numbers, width)
        self.position = nn.Parameter(0.02 * torch.randn(tokens, width))
        stack = [TransformerLayer(width, heads) for _ in range(layers)]
        self.layers = cast(Sequence[TransformerLayer], nn.ModuleList(stack))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map all tokens, `(B, T, P)`, to the outputs `(B, T, outputs)` at once."""
        hidden = pad(self.embed(x[:, :-1]), (0, 0, 1, 0)) + self.position
        for layer in self.layers:
            hidden = layer(hidden)
        output: Tensor = self.head(self.norm(hidden))
        return output

    def next(self, last: Tensor | None, n: int, seen: "list[Seen]") -> Tensor:
        """Return the output for the token after those seen so far, `(n, outputs)`.

        Args:
            last: The newest token, `(n, P)`; None before the first.
            n: Number of sequences.
            seen: Keys and values of each layer so far, which this call extends; empty at first.
        """
        if last is None:
            hidden = self.position[0].expand(n, 1, -1)
            seen.extend([None] * len(self.layers))
        else:
            assert seen[0] is not None
            hidden = self.embed(last)[:, None] + self.position[seen[0][0].shape[2]]
        for number, layer in enumerate(self.layers):
            hidden, seen[number] = layer.next(hidden, seen[number])
        output: Tensor = self.head(self.norm(hidden[:, 0]))
        return output


Seen = tuple[Tensor, Tensor] | None
"""Keys and values of the tokens seen so far, each `(B, heads, t, width / heads)`."""


class TransformerLayer(nn.Module):
    """Attention to the tokens up to this one, then a network for each token, both added.

    Args:
        width: Numbers of a token.
        heads: Heads of attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.network_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map hidden tokens `(B, T, width)`."""
        query, key, value = self._heads(hidden)
        T = hidden.shape[1]
        later = torch.ones(T, T, dtype=torch.bool, device=hidden.device).triu(1)
        return self._finish(hidden, attend(query, key, value, later))

    def next(self, hidden: Tensor, seen: Seen) -> tuple[Tensor, Seen]:
        """Map the newest token, `(B, 1, width)`, and return the keys and values with its own."""
        query, key, value = self._heads(hidden)
        if seen is not None:
            key, value = torch.cat([seen[0], key], dim=2), torch.cat([seen[1], value], dim=2)
        return self._finish(hidden, attend(query, key, value)), (key, value)

    def _heads(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        qkv = self.qkv(self.attention_norm(hidden))
        query, key, value = qkv.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return query, key, value

    def _finish(self, hidden: Tensor, attended: Tensor) -> Tensor:
        hidden = hidden + self.mix(attended.transpose(1, 2).flatten(2))
        added: Tensor = self.down(gelu(self.up(self.network_norm(hidden))))
        return hidden + added


def attend(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None = None) -> Tensor:
    """Return softmax(QKᵀ / √d) V, each `(B, heads, T, d)`; `hidden` marks keys left out."""
    weights = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
    if hidden is not None:
        weights = weights.masked_fill(hidden, -math.inf)
    attended: Tensor = weights.softmax(dim=3) @ value
    return attended
