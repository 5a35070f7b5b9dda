// The operator's own AWS identity as pods have it: by tokens that the kubelet writes, and by services at link-local
// addresses; each by values of the chart in an upgrade.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatRfc3339, systemClock } from '../../src/lib/time.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { CLUSTER_PATH, GOOD_KEY } from '../../testing/operator/world.ts';
import { createClusterPullSecret } from '../scenario/manifests.ts';
import { createPod, NAME, NAMESPACE, SKIPPED, untilRunning, useE2e } from './rig.ts';

const SESSION = {
  accessKeyId: 'ASIAE2ESESSION000001',
  secretAccessKey: 'ThisIsTheSessionKeyOfNoAWSAccount000000/',
  sessionToken: 'the-session-token',
};
const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const ACCOUNT = `system:serviceaccount:${NAMESPACE}:${NAME}`;
const ROLE = `arn:aws:iam::${GOOD_KEY.accountId}:role/operator`;
const EKS = '/var/run/secrets/eks.amazonaws.com/serviceaccount';
const INSTANCE = 'the role of the instance';
const POD_IDENTITY = '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount';

/** A token that the kubelet writes and renews, as the webhooks of EKS add it to pods. */
function tokenFor(audience: string, folder: string): object {
  const source = { serviceAccountToken: { audience, expirationSeconds: 600, path: 'token' } };
  return {
    extraVolumes: [{ name: 'aws-token', projected: { sources: [source] } }],
    extraVolumeMounts: [{ name: 'aws-token', mountPath: folder, readOnly: true }],
  };
}

function variables(values: Readonly<Record<string, string>>): object {
  return { extraEnv: Object.entries(values).map(([name, value]) => ({ name, value })) };
}

const IDENTITIES: Readonly<Record<string, object>> = {
  'a web identity (IAM roles for service accounts)': {
    ...tokenFor('sts.amazonaws.com', EKS),
    ...variables({ AWS_WEB_IDENTITY_TOKEN_FILE: `${EKS}/token`, AWS_ROLE_ARN: ROLE }),
  },
  'EKS Pod Identity': {
    ...tokenFor('pods.eks.amazonaws.com', POD_IDENTITY),
    ...variables({
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${POD_IDENTITY}/token`,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
    }),
  },
  [INSTANCE]: {},
};

describe('the identity of the pod itself', { skip: SKIPPED }, () => {
  const e2e = useE2e();
  const expiresAt = (systemClock.now() + 6 * 3_600_000) as ReturnType<typeof systemClock.now>;
  before(async () => {
    const { aws, api } = e2e();
    aws.addKey({ ...SESSION, accountId: GOOD_KEY.accountId });
    aws.addIdentityProvider({ issuer: ISSUER, jwks: await api.must('GET', '/openid/v1/jwks') });
    aws.addRole({
      arn: ROLE,
      trusts: [{ op: 'webIdentity', issuer: ISSUER, subject: ACCOUNT, audience: 'sts.amazonaws.com' }],
    });
    e2e().serveAgent(async (token) => {
      const spec = { token, audiences: ['pods.eks.amazonaws.com'] };
      const review = await api.must('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec });
      const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token } = SESSION;
      const keys = { AccessKeyId, SecretAccessKey, Token, Expiration: formatRfc3339(expiresAt) };
      return review.status.user?.username === ACCOUNT ? keys : undefined;
    });
  });
  after(async () => void (await e2e().install()));

  for (const [what, values] of Object.entries(IDENTITIES)) {
    test(`from ${what} is enough for a pod to pull`, async () => {
      // Otherwise the operator falls back on it.
      e2e().metadata.setKeys(what === INSTANCE ? { ...SESSION, expiresAt } : undefined);
      const from = e2e().aws.requests.length;
      await e2e().install(values);
      const namespace = await e2e().createNamespace();
      await createClusterPullSecret(e2e().api, namespace, {
        awsAccess: { region: 'eu-west-1', ambient: {} },
        namespaces: [namespace],
      });
      await eventually(async () => {
        const { status } = await e2e().api.must('GET', CLUSTER_PATH(namespace));
        const ready = status?.conditions?.find(({ type }: { type: string }) => type === 'Ready');
        if (ready?.status !== 'True') throw new Error(JSON.stringify(status));
        return true;
      }, 60_000);
      await createPod(e2e(), namespace, { name: 'app' });
      await untilRunning(e2e(), namespace, 'app');
      await e2e().api.must('DELETE', CLUSTER_PATH(namespace));
      const logins = e2e()
        .aws.requests.slice(from)
        .filter(({ operation }) => operation === 'GetAuthorizationToken');
      assert.ok(logins.some(({ status }) => status === 200));
    });
  }
});
