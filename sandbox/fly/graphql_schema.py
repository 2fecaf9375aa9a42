"""The part of Fly's GraphQL schema that flyctl uses; names, types and nullability are the provider's.

Source: superfly/flyctl, gql/schema.graphql
"""

from sandbox.fly.graphql_inputs import MUTATIONS

TYPES = """
schema { query: Queries mutation: Mutations }

scalar BigInt
scalar ISO8601DateTime
scalar JSON

enum AddOnType {
  arcjet enveloop fly_mysql kubernetes redis sentry supabase tigris upstash_kafka upstash_redis upstash_vector
  wafris
}
enum AppState { DEPLOYED PENDING SUSPENDED }
enum BillingStatus { CURRENT DELINQUENT PAST_DUE SOURCE_REQUIRED SUSPENDED TRIAL_ACTIVE TRIAL_ENDED }
enum DeploymentStrategy { BLUEGREEN CANARY IMMEDIATE ROLLING ROLLING_ONE SIMPLE }
enum IPAddressType { private_v6 shared_v4 v4 v6 }
enum OrganizationMemberRole { ADMIN MEMBER }
enum OrganizationType { PERSONAL SHARED }
enum PlatformVersionEnum { detached machines nomad }
enum RuntimeType { FIRECRACKER NODEPROXY }
enum ServiceHandlerType { EDGE_HTTP HTTP PG_TLS PROXY_PROTO TLS }
enum ServiceProtocolType { TCP UDP }

type Queries {
  addOns(after: String, before: String, first: Int, last: Int, type: AddOnType): AddOnConnection!
  app(id: String, internalId: String, key: String, name: String): App
  appNameAvailable(name: String!): Boolean!
  apps(active: Boolean, after: String, before: String, first: Int, ids: [String!], last: Int, organizationId: ID,
    platform: String, role: String, type: String): AppConnection!
  canPerformBluegreenDeployment(name: String!): Boolean!
  latestImageDetails(flyVersion: String, image: String!): ImageVersion!
  latestImageTag(repository: String!, snapshotId: ID): String!
  machine(machineId: String!): Machine!
  nearestRegion(wireguardGateway: Boolean): Region!
  node(id: ID!): Node
  organization(id: ID, name: String, slug: String): Organization
  organizations(admin: Boolean, after: String, before: String, first: Int, last: Int, type: OrganizationType,
    withBillingIssuesOnly: Boolean): OrganizationConnection!
  personalOrganization: Organization! platform: FlyPlatform! viewer: Principal!
  volume(id: ID!): Volume
}
type FlyPlatform { regions: [Region!]! requestRegion: String vmSizes: [VMSize!]! }
type VMSize {
  cpuCores: Float! maxMemoryMb: Int! memoryGb: Float! memoryIncrementsMb: [Int!]! memoryMb: Int! name: String!
}
type Region {
  code: String! deprecated: Boolean! gatewayAvailable: Boolean! latitude: Float longitude: Float name: String!
  processGroup: String requiresPaidPlan: Boolean!
}
interface Node { id: ID! }
interface AppRole { name: String! }
type EmptyAppRole implements AppRole { name: String! }
type PostgresClusterAppRole implements AppRole { name: String! }
type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }
interface Principal { avatarUrl: String! email: String! id: ID name: String }
type User implements Node & Principal {
  avatarUrl: String! email: String! enablePaidHobby: Boolean! id: ID! name: String
}
type Macaroon implements Principal { avatarUrl: String! email: String! id: ID name: String }
type Organization implements Node {
  addOnSsoLink: String
  apps(after: String, before: String, first: Int, last: Int): AppConnection!
  billable: Boolean! billingStatus: BillingStatus! id: ID! internalNumericId: BigInt!
  limitedAccessTokens(after: String, before: String, first: Int, last: Int): LimitedAccessTokenConnection!
  members(after: String, before: String, first: Int, last: Int): OrganizationMembershipsConnection!
  name: String! paidPlan: Boolean! provisionsBetaExtensions: Boolean! rawSlug: String! remoteBuilderApp: App
  remoteBuilderImage: String! slug: String! type: OrganizationType! viewerRole: String!
}
type OrganizationConnection { nodes: [Organization] pageInfo: PageInfo! totalCount: Int! }
type OrganizationMembershipsConnection {
  edges: [OrganizationMembershipsEdge] nodes: [User] pageInfo: PageInfo! totalCount: Int!
}
type OrganizationMembershipsEdge {
  cursor: String! joinedAt: ISO8601DateTime! node: User role: OrganizationMemberRole!
}
type AppConnection { nodes: [App] pageInfo: PageInfo! totalCount: Int! }
type App implements Node {
  appUrl: String cnameTarget: String config: AppConfig! createdAt: ISO8601DateTime! currentLock: AppLock
  currentRelease: Release currentReleaseUnprocessed: ReleaseUnprocessed deployed: Boolean!
  egressIpAddresses(after: String, before: String, first: Int, last: Int): EgressIPAddressConnection!
  hostIssues(after: String, before: String, first: Int, last: Int): IssueConnection
  hostname: String id: ID!
  image(ref: String!): Image
  imageDetails: ImageVersion internalNumericId: Int!
  ipAddresses(after: String, before: String, first: Int, last: Int): IPAddressConnection!
  limitedAccessTokens(after: String, before: String, first: Int, last: Int): LimitedAccessTokenConnection!
  machine(id: String!): Machine
  machines(active: Boolean, after: String, before: String, first: Int, last: Int, version: Int): MachineConnection!
  name: String! network: String organization: Organization! platformVersion: PlatformVersionEnum regions: [Region!]!
  releases(after: String, before: String, first: Int, last: Int): ReleaseConnection!
  releasesUnprocessed(after: String, before: String, first: Int, last: Int, status: String):
    ReleaseUnprocessedConnection!
  role: AppRole secrets: [Secret!]! services: [Service!]! sharedIpAddress: String state: AppState! status: String!
  version: Int!
  volumes(after: String, before: String, first: Int, last: Int): VolumeConnection!
}
type AppLock { expiration: ISO8601DateTime! lockId: ID! }
type AppConfig { definition: JSON! errors: [String!]! services: [Service!]! valid: Boolean! }
type Service { description: String! internalPort: Int! ports: [ServicePort!]! protocol: ServiceProtocolType! }
type ServicePort { handlers: [ServiceHandlerType!]! port: Int }
type Release implements Node {
  config: AppConfig createdAt: ISO8601DateTime! deploymentStrategy: DeploymentStrategy! description: String!
  evaluationId: String id: ID! image: Image imageRef: String inProgress: Boolean! metadata: JSON reason: String!
  revertedTo: Int stable: Boolean! status: String! updatedAt: ISO8601DateTime! user: User version: Int!
}
type ReleaseUnprocessed implements Node {
  configDefinition: JSON createdAt: ISO8601DateTime! deploymentStrategy: DeploymentStrategy! description: String!
  evaluationId: String id: ID! image: Image imageRef: String inProgress: Boolean! reason: String! revertedTo: Int
  stable: Boolean! status: String! updatedAt: ISO8601DateTime! user: User version: Int!
}
type ReleaseConnection { nodes: [Release] pageInfo: PageInfo! totalCount: Int! }
type ReleaseUnprocessedConnection { nodes: [ReleaseUnprocessed] pageInfo: PageInfo! totalCount: Int! }
type Image {
  absoluteRef: String! compressedSize: Int! compressedSizeFull: BigInt! config: JSON! configDigest: JSON!
  createdAt: ISO8601DateTime! digest: String! id: ID! label: String! manifest: JSON! ref: String! registry: String!
  repository: String! tag: String
}
type ImageVersion { digest: String! registry: String! repository: String! tag: String! version: String }
type IPAddress implements Node {
  address: String! createdAt: ISO8601DateTime! id: ID! network: Network region: String serviceName: String
  type: IPAddressType!
}
type IPAddressConnection { nodes: [IPAddress] pageInfo: PageInfo! totalCount: Int! }
type Network implements Node {
  createdAt: ISO8601DateTime! id: ID! name: String! organization: Organization! updatedAt: ISO8601DateTime!
}
type EgressIPAddress implements Node { id: ID! ip: String! region: String! updatedAt: ISO8601DateTime! version: Int! }
type EgressIPAddressConnection { nodes: [EgressIPAddress] pageInfo: PageInfo! totalCount: Int! }
type Issue implements Node {
  createdAt: ISO8601DateTime! id: ID! internalId: String! message: String resolvedAt: ISO8601DateTime
  updatedAt: ISO8601DateTime!
}
type IssueConnection { nodes: [Issue] pageInfo: PageInfo! totalCount: Int! }
type Machine implements Node {
  app: App! config: JSON! createdAt: ISO8601DateTime! host: Host! id: ID! instanceId: String!
  ips(after: String, before: String, first: Int, last: Int): MachineIPConnection!
  name: String! region: String! state: String! updatedAt: ISO8601DateTime!
}
type MachineConnection { nodes: [Machine] pageInfo: PageInfo! totalCount: Int! }
type Host implements Node { id: ID! }
type MachineIP implements Node { family: String! id: ID! ip: String! kind: String! maskSize: Int! }
type MachineIPConnection { nodes: [MachineIP] pageInfo: PageInfo! totalCount: Int! }
type Secret implements Node { createdAt: ISO8601DateTime! digest: String! id: ID! name: String! user: User }
type LimitedAccessToken implements Node {
  createdAt: ISO8601DateTime! expiresAt: ISO8601DateTime! id: ID! name: String! organization: Organization!
  profile: String! profileParams: JSON revokedAt: ISO8601DateTime revokedBy: String token: String!
  tokenHeader: String user: User!
}
type LimitedAccessTokenConnection { nodes: [LimitedAccessToken] pageInfo: PageInfo! totalCount: Int! }
type Volume implements Node {
  app: App! attachedMachine: Machine createdAt: ISO8601DateTime! encrypted: Boolean! host: Host! id: ID!
  internalId: String! name: String! region: String! sizeGb: Int! snapshotRetentionDays: Int
  snapshots(after: String, before: String, first: Int, last: Int): VolumeSnapshotConnection!
  state: String! status: String!
}
type VolumeConnection { nodes: [Volume] pageInfo: PageInfo! totalCount: Int! }
type VolumeSnapshot implements Node {
  createdAt: ISO8601DateTime! digest: String! id: ID! retentionDays: Int size: BigInt! volume: Volume!
}
type VolumeSnapshotConnection { nodes: [VolumeSnapshot] pageInfo: PageInfo! totalCount: Int! }
type AddOnConnection { nodes: [AddOn] pageInfo: PageInfo! totalCount: Int! }
type AddOn implements Node {
  addOnPlan: AddOnPlan id: ID! metadata: JSON name: String options: JSON organization: Organization!
  primaryRegion: String privateIp: String readRegions: [String!]
}
type AddOnPlan implements Node { description: String displayName: String id: ID! name: String }
"""

SCHEMA = TYPES + MUTATIONS
