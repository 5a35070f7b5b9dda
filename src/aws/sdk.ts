// All that is used of the AWS SDK. It is loaded once the operator is ready, and not before
// (docs/design/performance.md): import it dynamically, and the SDK nowhere else.

export { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
export { NodeHttpHandler } from '@smithy/node-http-handler';
// It reads the SDK's data about regions.
export { parsePublicToken, parseToken } from './ecr-token.ts';

/** Most installations never need these. */
export const loadEcrPublic = () => import('@aws-sdk/client-ecr-public');
export const loadSts = () => import('@aws-sdk/client-sts');
export const loadProviders = () => import('@aws-sdk/credential-providers');
