"""A Slack workspace to test an app against: Web API, people who type and click, Socket Mode, faults.

Kept, with the page of https://docs.slack.dev that says so:

- apis/web-api: GET, form and JSON arguments; tokens and their kinds; `missing_scope` with what is needed;
  HTTP 200 for refusals. apis/web-api/rate-limits: tiers per method and workspace, posts per channel, 429.
- reference/methods: the methods registered in `chat`, `directory`, `view_methods`, `file_methods`,
  `socket_mode`, with the errors of their pages. `chat.update` with text alone removes blocks, touches only
  the app's own messages, never ephemeral ones nor what a response_url posted.
- reference/block-kit, reference/views: limits, allowed blocks and elements per surface, unknown properties,
  unique ids, 13,000 characters per message (observed, slackapi/bolt-js#2509). Text is kept as it was sent.
- reference/interaction-payloads/block_actions-payload: what was chosen under the element's own key, what was
  preset, `state.values` of this person; only what is offered can be chosen; `dispatch_action_config`.
- interactivity/implementing-slash-commands: 3 seconds, `operation_timeout` and `dispatch_failed`, escaping,
  `response_type`, echo of the command. A stranger's command carries the stranger's team.
- interactivity/handling-user-interaction: `trigger_id` once within 3 seconds; `response_url` five times
  within 30 minutes, the only way to change an ephemeral message. Payloads of ephemeral messages hold no
  message.
- surfaces/modals, surfaces/app-home: stack of three, `hash_conflict`, `response_action`, values that stay.
- apis/events-api: subscription and scope decide, three retries (at once, 1 minute, 5 minutes) with their
  headers, `X-Slack-No-Retry`.
- apis/events-api/using-socket-mode: single-use addresses, at most ten sockets, one socket per payload,
  acknowledgement with payload where it is accepted, `disconnect` with its reasons.
- authentication/verifying-requests-from-slack: the v0 signature over the raw body, in real time.

Interpreted, where the pages are silent: a thread whose parent is gone answers `thread_not_found`; a reply's
`ts` as `thread_ts` is refused; `replace_original` on a command's response_url adds a message; the limits are
exactly the published floors; a broken payload at a response_url answers 400; three seconds are never less
than one real second when the clock runs fast (seed: `timing.least_real_reaction_s`).

Not kept: history and search methods, user tokens, Enterprise Grid, several apps, chat streaming, scheduled
messages, unfurling, incoming webhooks, the contents of `card`, `carousel`, `container`, `data_table`,
`plan` and `task_card` blocks and of rich text, events about the app's own messages, the switch-off of
failing event subscriptions, limits on response_urls, message retention. Every method takes JSON.

Faults beyond the wire's: `retry` (the answer counts as lost; events are retried, everything else comes once
more with the same `trigger_id`), `lost_interaction` (the app never hears of it), `slow_network` (`seconds`
before it hears of it); in Socket Mode `doubled_envelope` (every open socket gets it) and `dropped_socket` (the
socket closes before the acknowledgement). Their `target` is a payload type, a command, an action id, a
callback id, an event type or a user id. A post whose outcome the app does not learn is the wire's
`drop_after` on `chat.postMessage`.
"""

from sandbox.slack.simulator import SlackSimulator

__all__ = ["SlackSimulator"]
