"""What one key may ask: requests and tokens a minute, streams at once. Pure; the clock is passed in (seconds)."""

from __future__ import annotations

from dataclasses import dataclass

from jazari.gateway.errors import LimitReached


@dataclass(frozen=True)
class KeyLimits:
    """None: no limit."""

    requests_a_minute: int | None = None
    tokens_a_minute: int | None = None
    streams: int | None = None


class TokenBucket:
    """A bucket that holds ``per_minute`` and fills at that rate; it may be overdrawn, and then nothing passes."""

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self._level = float(per_minute)
        self._at = now

    def _fill(self, now: float) -> None:
        elapsed, self._at = max(0.0, now - self._at), max(now, self._at)
        self._level = min(float(self.per_minute), self._level + elapsed * self.per_minute / 60)

    def wait(self, amount: float, now: float) -> float:
        """Seconds until ``amount`` passes; 0 if now. More than the whole bucket passes when it is full."""
        self._fill(now)
        missing = min(amount, float(self.per_minute)) - self._level
        return max(0.0, missing * 60 / self.per_minute)

    def take(self, amount: float, now: float) -> None:
        """Take out ``amount`` (negative: give back), below zero if it must be."""
        self._fill(now)
        self._level = min(float(self.per_minute), self._level - amount)

    def is_full(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        self._fill(now)
        return self._level >= self.per_minute


class Limiter:
    """The state of all keys of one gateway."""

    def __init__(self) -> None:
        self._requests: dict[str, TokenBucket] = {}
        self._tokens: dict[str, TokenBucket] = {}
        self._streams: dict[str, int] = {}

    def check(self, key: str, requests_a_minute: int | None, now: float) -> None:
        """Raise ``LimitReached`` if no request passes now, before anything of it was read; takes nothing."""
        _check(_bucket(self._requests, key, requests_a_minute, now), 1, now, "requests")

    def begin(self, key: str, limits: KeyLimits, tokens: int, now: float, *, stream: bool = False) -> None:
        """Let one request of about ``tokens`` tokens pass, or raise ``LimitReached`` and take nothing."""
        requests = _bucket(self._requests, key, limits.requests_a_minute, now)
        amounts = _bucket(self._tokens, key, limits.tokens_a_minute, now)
        if stream and limits.streams is not None and self._streams.get(key, 0) >= limits.streams:
            raise LimitReached(f"This key has {limits.streams} streams open, its most: close one, then try again.")
        _check(requests, 1, now, "requests")
        _check(amounts, tokens, now, "tokens")
        if requests is not None:
            requests.take(1, now)
        if amounts is not None:
            amounts.take(tokens, now)
        if stream:
            self._streams[key] = self._streams.get(key, 0) + 1

    def end(self, key: str, tokens_begun: int, tokens_used: int, now: float, *, stream: bool = False) -> None:
        """One request that ``begin`` let pass has ended: correct its tokens and close its stream."""
        bucket = self._tokens.get(key)
        if bucket is not None:
            bucket.take(tokens_used - tokens_begun, now)
        if stream:
            self._streams[key] -= 1
            if not self._streams[key]:
                del self._streams[key]

    @property
    def known(self) -> int:
        """How many keys' allowances are remembered, counted once for requests and once for tokens."""
        return len(self._requests) + len(self._tokens)

    def prune(self, now: float) -> None:
        """Forget the keys that have been idle for long enough to have their whole allowance again."""
        for buckets in (self._requests, self._tokens):
            for key in [key for key, bucket in buckets.items() if bucket.is_full(now)]:
                del buckets[key]


def _bucket(buckets: dict[str, TokenBucket], key: str, per_minute: int | None, now: float) -> TokenBucket | None:
    if per_minute is None:
        buckets.pop(key, None)
        return None
    bucket = buckets.get(key)
    if bucket is None or bucket.per_minute != per_minute:
        bucket = buckets[key] = TokenBucket(per_minute, now)
    return bucket


def _check(bucket: TokenBucket | None, amount: float, now: float, what: str) -> None:
    if bucket is not None and (seconds := bucket.wait(amount, now)) > 0:
        raise LimitReached(
            f"This key may use {bucket.per_minute} {what} a minute and has used them: try again in {seconds:.1f} s.",
            seconds,
        )
