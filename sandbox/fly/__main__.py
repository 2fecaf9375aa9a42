"""`python -m sandbox.fly`: the simulated Fly, alone."""

from __future__ import annotations

import asyncio
from functools import partial

from sandbox.clock import Clock
from sandbox.fly import FlySimulator
from sandbox.fly.errors import ApiError
from sandbox.kit import arguments, read_seed, serve_until_signal
from sandbox.options import seeded


def main() -> None:
    parser = arguments("fly")
    options = parser.parse_args()
    make = partial(FlySimulator, read_seed(options.seed), clock=Clock(options.speed), delay_ms=options.delay_ms)
    simulator = seeded(parser, make, ApiError)
    asyncio.run(serve_until_signal(simulator, host=options.host, port=options.port))


if __name__ == "__main__":
    main()
