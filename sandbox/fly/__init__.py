"""A simulated Fly.io: enough of the platform, over HTTP, to deploy to and to be refused by.

One port serves the Machines API (`/v1`), `api/v1` of the web application (`/api/v1`), GraphQL (`/graphql`) and the
registry (`/v2`). It knows nothing of any client.

Kept:
- Tokens: one scheme word, per-organisation access, deploy and read-only profiles, macaroons; 401, 403 and 404 mean
  what Fly means by them (https://fly.io/docs/security/tokens/, superfly/fly-go flaps/flaps_apps.go).
- Rate limits per action and Machine or app (https://fly.io/docs/machines/api/working-with-machines-api/).
- Machine states, events, versions, restart policies, auto destroy (https://fly.io/docs/machines/machine-states/).
- An update replaces the whole configuration, makes a new version, and leaves a stopped Machine stopped.
- Leases with nonce, refresh and expiry (https://fly.io/docs/machines/api/machines-resource/#machine-leases).
- `wait` answers within 60 s, 408 when the state was not reached (same page).
- Checks appear some time after the start; a stopped Machine keeps its last results
  (https://fly.io/docs/reference/health-checks/).
- Images resolve by tag or digest, readable within one organisation
  (https://fly.io/docs/blueprints/using-the-fly-docker-registry/).
- GraphQL is a part of the real schema, queries and mutations (superfly/flyctl gql/schema.graphql).
- Releases count up and are bookkeeping only: they change no Machine (superfly/flyctl internal/uiex/releases.go).
- Secrets are write-only and staged (https://fly.io/docs/apps/secrets/).
- Logs arrive late and are paged by nanoseconds (https://fly.io/docs/monitoring/logs-api-options/).

- Volumes with snapshots, retention, restoring and soft deletion (https://fly.io/docs/volumes/).
- The proxy wakes Machines, and stops idle ones that may be (https://fly.io/docs/reference/fly-proxy-autostop-autostart/).
- Postgres as the image postgres-flex runs it: checks, databases and users, sleep, failover (fly-apps/postgres-flex).
- Metrics by instant queries (https://fly.io/docs/monitoring/metrics/), certificates, standbys.
- `docs/sandbox-fly.md` is the whole contract.

Not kept:
- Nothing runs: a Machine's boot, its checks and its commands go as the seed and the faults say.
- No routing; `visit` stands for a request through the proxy.
- No secret keys, builders, pushes; of Managed Postgres the list only; of metrics no ranges; in a database no tables.
- Every organisation's list of regions is the same; quotas are a fault.
- Texts and codes that Fly does not document are those its users recorded, or plain words where nobody did: a
  lapsed nonce (409), an unreachable host (503), a name or region that an update would change (400).
"""

from sandbox.fly.simulator import FlySimulator

__all__ = ["FlySimulator"]
