"""`python -m sandbox.github`: the simulated GitHub, alone."""

from __future__ import annotations

import asyncio

from sandbox.clock import Clock
from sandbox.github import GitHubSimulator
from sandbox.kit import arguments, read_seed, serve_until_signal


def main() -> None:
    """Serve until interrupted."""
    options = arguments("github").parse_args()
    simulator = GitHubSimulator(read_seed(options.seed), clock=Clock(options.speed), delay_ms=options.delay_ms)
    asyncio.run(serve_until_signal(simulator, host=options.host, port=options.port))


if __name__ == "__main__":
    main()
