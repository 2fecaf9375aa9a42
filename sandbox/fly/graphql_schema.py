"""The part of Fly's GraphQL schema that clients of apps, images and releases use; names and types are the provider's.

Source: superfly/flyctl, gql/schema.graphql
"""

SCHEMA = """
schema { query: Queries }

scalar BigInt
scalar ISO8601DateTime
scalar JSON

enum AppState { DEPLOYED PENDING SUSPENDED }
enum DeploymentStrategy { BLUEGREEN CANARY IMMEDIATE ROLLING ROLLING_ONE SIMPLE }
enum OrganizationType { PERSONAL SHARED }
enum PlatformVersionEnum { detached machines nomad }

interface Node { id: ID! }
interface AppRole { name: String! }

type EmptyAppRole implements AppRole { name: String! }
type PostgresClusterAppRole implements AppRole { name: String! }

type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }

type Queries {
  app(name: String, internalId: String): App
  appNameAvailable(name: String!): Boolean!
  apps(after: String, before: String, first: Int, last: Int, active: Boolean, organizationId: ID, platform: String,
       role: String): AppConnection!
  latestImageTag(repository: String!, snapshotId: ID): String!
  nearestRegion(wireguardGateway: Boolean): Region!
  organization(id: ID, name: String, slug: String): Organization
  organizations(after: String, before: String, first: Int, last: Int, admin: Boolean, type: OrganizationType):
    OrganizationConnection!
  personalOrganization: Organization!
  platform: FlyPlatform!
}

type FlyPlatform { regions: [Region!]! requestRegion: String }

type Region {
  code: String!
  deprecated: Boolean!
  gatewayAvailable: Boolean!
  name: String!
  requiresPaidPlan: Boolean!
}

type Organization implements Node {
  apps(after: String, before: String, first: Int, last: Int): AppConnection!
  billable: Boolean!
  id: ID!
  internalNumericId: BigInt!
  name: String!
  paidPlan: Boolean!
  rawSlug: String!
  slug: String!
  type: OrganizationType!
}

type OrganizationConnection { nodes: [Organization] pageInfo: PageInfo! totalCount: Int! }
type AppConnection { nodes: [App] pageInfo: PageInfo! totalCount: Int! }
type ReleaseUnprocessedConnection { nodes: [ReleaseUnprocessed] pageInfo: PageInfo! totalCount: Int! }
type EgressIPAddressConnection { nodes: [EgressIPAddress] pageInfo: PageInfo! totalCount: Int! }
type EgressIPAddress implements Node { id: ID! ip: String! region: String! version: Int! }

type App implements Node {
  appUrl: String
  cnameTarget: String
  createdAt: ISO8601DateTime!
  currentReleaseUnprocessed: ReleaseUnprocessed
  deployed: Boolean!
  egressIpAddresses(after: String, before: String, first: Int, last: Int): EgressIPAddressConnection!
  hostname: String
  id: ID!
  image(ref: String!): Image
  internalNumericId: Int!
  name: String!
  network: String
  organization: Organization!
  platformVersion: PlatformVersionEnum
  releasesUnprocessed(after: String, before: String, first: Int, last: Int, status: String):
    ReleaseUnprocessedConnection!
  role: AppRole
  state: AppState!
  status: String!
}

type Image {
  absoluteRef: String!
  compressedSize: Int!
  compressedSizeFull: BigInt!
  config: JSON!
  configDigest: JSON!
  createdAt: ISO8601DateTime!
  digest: String!
  id: ID!
  label: String!
  manifest: JSON!
  ref: String!
  registry: String!
  repository: String!
  tag: String
}

type User implements Node { email: String! id: ID! name: String }

type ReleaseUnprocessed implements Node {
  configDefinition: JSON
  createdAt: ISO8601DateTime!
  deploymentStrategy: DeploymentStrategy!
  description: String!
  id: ID!
  image: Image
  imageRef: String
  inProgress: Boolean!
  reason: String!
  revertedTo: Int
  stable: Boolean!
  status: String!
  updatedAt: ISO8601DateTime!
  user: User
  version: Int!
}
"""
