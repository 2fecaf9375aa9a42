"""Start the simulated Slack alone: `python -m sandbox.slack --port 9300 --request-url URL`."""

from __future__ import annotations

import asyncio

from sandbox.clock import Clock
from sandbox.kit import arguments, read_seed, serve_until_signal
from sandbox.options import seed_file, seeded
from sandbox.slack import SlackSimulator
from sandbox.slack.manifest import installed
from sandbox.slack.simulator import SEED


def main() -> None:
    """Read the options and serve until a signal."""
    parser = arguments("slack")
    parser.add_argument(
        "--request-url", help="where commands, interactions and events go, the app's POST /slack/events"
    )
    parser.add_argument("--manifest", type=seed_file, metavar="FILE", help="JSON manifest of the app that is installed")
    options = parser.parse_args()
    seed, manifest = read_seed(options.seed or SEED) or {}, read_seed(options.manifest)
    clock, delay_ms, url = Clock(options.speed), options.delay_ms, options.request_url

    def make() -> SlackSimulator:
        given = installed(seed, manifest) if manifest else seed
        return SlackSimulator(given, clock=clock, delay_ms=delay_ms, request_url=url)

    simulator = seeded(parser, make)
    asyncio.run(serve_until_signal(simulator, host=options.host, port=options.port))


if __name__ == "__main__":
    main()
