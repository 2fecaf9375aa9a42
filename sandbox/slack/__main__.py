"""Start the simulated Slack alone: `python -m sandbox.slack --port 9300 --request-url URL`."""

from __future__ import annotations

import asyncio

from sandbox.kit import Clock, arguments, read_seed, serve_until_signal
from sandbox.slack import SlackSimulator


def main() -> None:
    """Read the options and serve until a signal."""
    parser = arguments("slack")
    parser.add_argument(
        "--request-url", help="where commands, interactions and events go, the app's POST /slack/events"
    )
    options = parser.parse_args()
    simulator = SlackSimulator(
        read_seed(options.seed),
        clock=Clock(options.speed),
        delay_ms=options.delay_ms,
        request_url=options.request_url,
    )
    asyncio.run(serve_until_signal(simulator, host=options.host, port=options.port))


if __name__ == "__main__":
    main()
