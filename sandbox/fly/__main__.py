"""`python -m sandbox.fly`: the simulated Fly, alone."""

from __future__ import annotations

import asyncio

from sandbox.fly import FlySimulator
from sandbox.kit import Clock, arguments, read_seed, serve_until_signal


def main() -> None:
    options = arguments("fly").parse_args()
    simulator = FlySimulator(read_seed(options.seed), clock=Clock(options.speed), delay_ms=options.delay_ms)
    asyncio.run(serve_until_signal(simulator, host=options.host, port=options.port))


if __name__ == "__main__":
    main()
