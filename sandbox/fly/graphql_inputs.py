"""The mutations of that part of Fly's GraphQL schema, with what they take and give.

Source: superfly/flyctl, gql/schema.graphql
"""

MUTATIONS = """
type Mutations {
  addWireGuardPeer(input: AddWireGuardPeerInput!): AddWireGuardPeerPayload
  allocateIpAddress(input: AllocateIPAddressInput!): AllocateIPAddressPayload
  createApp(input: CreateAppInput!): CreateAppPayload
  createBuild(input: CreateBuildInput!): CreateBuildPayload
  createDelegatedWireGuardToken(input: CreateDelegatedWireGuardTokenInput!): CreateDelegatedWireGuardTokenPayload
  createLimitedAccessToken(input: CreateLimitedAccessTokenInput!): CreateLimitedAccessTokenPayload
  createRelease(input: CreateReleaseInput!): CreateReleasePayload
  deleteApp(appId: ID!): DeleteAppPayload
  deleteLimitedAccessToken(input: DeleteLimitedAccessTokenInput!): DeleteLimitedAccessTokenPayload
  ensureDepotRemoteBuilder(input: EnsureDepotRemoteBuilderInput!): EnsureDepotRemoteBuilderPayload
  ensureMachineRemoteBuilder(input: EnsureMachineRemoteBuilderInput!): EnsureMachineRemoteBuilderPayload
  finishBuild(input: FinishBuildInput!): FinishBuildPayload
  issueCertificate(input: IssueCertificateInput!): IssueCertificatePayload
  lockApp(input: LockAppInput!): LockAppPayload
  releaseIpAddress(input: ReleaseIPAddressInput!): ReleaseIPAddressPayload
  restartApp(input: RestartAppInput!): RestartAppPayload
  setSecrets(input: SetSecretsInput!): SetSecretsPayload
  unlockApp(input: UnlockAppInput!): UnlockAppPayload
  unsetSecrets(input: UnsetSecretsInput!): UnsetSecretsPayload
  updateRelease(input: UpdateReleaseInput!): UpdateReleasePayload
  validateWireGuardPeers(input: ValidateWireGuardPeersInput!): ValidateWireGuardPeersPayload
}
type AllocateIPAddressPayload { app: App! clientMutationId: String ipAddress: IPAddress }
type CreateAppPayload { app: App! clientMutationId: String }
type CreateBuildPayload { clientMutationId: String id: ID! status: String! }
type CreateDelegatedWireGuardTokenPayload { clientMutationId: String token: String! }
type CreateLimitedAccessTokenPayload { clientMutationId: String limitedAccessToken: LimitedAccessToken! }
type CreateReleasePayload { app: App! clientMutationId: String release: Release }
type DeleteAppPayload { organization: Organization! }
type DeleteLimitedAccessTokenPayload { clientMutationId: String revokedBy: String token: String }
type FinishBuildPayload { clientMutationId: String id: ID! status: String! wallclockTimeMs: Int! }
type LockAppPayload { clientMutationId: String expiration: ISO8601DateTime lockId: ID }
type ReleaseIPAddressPayload { app: App! clientMutationId: String }
type RestartAppPayload { app: App! clientMutationId: String }
type SetSecretsPayload { app: App! clientMutationId: String release: Release }
type UnlockAppPayload { app: App! clientMutationId: String }
type UnsetSecretsPayload { app: App! clientMutationId: String release: Release }
type UpdateReleasePayload { clientMutationId: String release: Release! }
type ValidateWireGuardPeersPayload { clientMutationId: String invalidPeerIps: [String!]! validPeerIps: [String!]! }
type AddWireGuardPeerPayload {
  clientMutationId: String endpointip: String! network: String peerip: String! pubkey: String!
}
type EnsureDepotRemoteBuilderPayload { buildId: String! buildToken: String! clientMutationId: String }
type EnsureMachineRemoteBuilderPayload { app: App! clientMutationId: String machine: Machine! }
type IssueCertificatePayload { certificate: String! clientMutationId: String key: String }

input AddWireGuardPeerInput {
  clientMutationId: String ephemeral: Boolean gwname: String name: String! nats: Boolean network: String
  organizationId: ID! pubkey: String! region: String
}
input AllocateIPAddressInput {
  appId: ID! clientMutationId: String network: String organizationId: ID region: String serviceName: String
  type: IPAddressType!
}
input BuildFinalImageInput { id: String! sizeBytes: BigInt! tag: String! }
input BuildImageOptsInput {
  buildArgs: JSON buildPacks: [String!] builder: String builtIn: String builtInSettings: JSON dockerfilePath: String
  extraBuildArgs: JSON imageLabel: String imageRef: String noCache: Boolean publish: Boolean tag: String
  target: String
}
input BuildStrategyAttemptInput { error: String note: String result: String! strategy: String! }
input BuildTimingsInput {
  buildAndPushMs: BigInt buildMs: BigInt builderInitMs: BigInt contextBuildMs: BigInt imageBuildMs: BigInt
  pushMs: BigInt
}
input BuilderMetaInput {
  builderType: String! buildkitEnabled: Boolean dockerVersion: String platform: String remoteAppName: ID
  remoteMachineId: ID
}
input CreateAppInput {
  appRoleId: String clientMutationId: String enableSubdomains: Boolean heroku: Boolean machines: Boolean
  name: String network: String organizationId: ID! preferredRegion: String runtime: RuntimeType
}
input CreateBuildInput {
  appName: ID! builderType: String! clientMutationId: String imageOpts: BuildImageOptsInput machineId: ID
  strategiesAvailable: [String!]!
}
input CreateDelegatedWireGuardTokenInput { clientMutationId: String name: String organizationId: ID! }
input CreateLimitedAccessTokenInput {
  clientMutationId: String expiry: String name: String! optInThirdParties: [String!] optOutThirdParties: [String!]
  organizationId: ID! profile: String! profileParams: JSON
}
input CreateReleaseInput {
  appId: ID! buildId: ID clientMutationId: String definition: JSON! image: String! platformVersion: String!
  strategy: DeploymentStrategy!
}
input DeleteLimitedAccessTokenInput { clientMutationId: String id: ID revokedBy: String token: String }
input EnsureDepotRemoteBuilderInput {
  appName: String builderScope: String clientMutationId: String organizationId: ID region: String
}
input EnsureMachineRemoteBuilderInput {
  appName: String clientMutationId: String organizationId: ID region: String v2: Boolean
}
input FinishBuildInput {
  appName: ID! buildId: ID! builderMeta: BuilderMetaInput clientMutationId: String finalImage: BuildFinalImageInput
  logs: String machineId: ID status: String! strategiesAttempted: [BuildStrategyAttemptInput!]
  timings: BuildTimingsInput
}
input IssueCertificateInput {
  appNames: [String!] clientMutationId: String email: String organizationId: ID! principals: [String!]
  publicKey: String username: String validHours: Int
}
input LockAppInput { appId: ID! clientMutationId: String }
input ReleaseIPAddressInput { appId: ID clientMutationId: String ip: String ipAddressId: ID serviceName: String }
input RestartAppInput { appId: ID! clientMutationId: String }
input SecretInput { key: String! value: String! }
input SetSecretsInput { appId: ID! clientMutationId: String replaceAll: Boolean secrets: [SecretInput!]! }
input UnlockAppInput { appId: ID! clientMutationId: String lockId: ID! }
input UnsetSecretsInput { appId: ID! clientMutationId: String keys: [String!]! }
input UpdateReleaseInput { clientMutationId: String metadata: JSON releaseId: ID! status: String }
input ValidateWireGuardPeersInput { clientMutationId: String peerIps: [String!]! }
"""
