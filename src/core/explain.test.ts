// Covers the causes that keep a pod from its image: which facts lead to which, and what the user is told to do.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { after, pullSecret, START, spec, UID } from '../../testing/rigs/builders.ts';
import { CLUSTER_KIND, DOCKER_CONFIG_TYPE, NAMESPACED_KIND } from '../api/names.ts';
import type { PullSecretStatus } from '../api/schema.ts';
import { formatRfc3339, HOUR, MINUTE } from '../lib/time.ts';
import { explainPull } from './explain.ts';
import type { FoundSecret, NamedSecret, PullFacts } from './pull-facts.ts';
import type { PullSecretObject } from './resource.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const REFUSED = `failed to pull: unexpected status from HEAD request to https://${HOST}/v2/api/manifests/1: 403 Forbidden`;
const ENDED = 'denied: Your authorization token has expired. Reauthenticate and try again.';

const condition = (type: string, status: 'True' | 'False' | 'Unknown', reason: string) => ({
  type,
  status,
  reason,
  message: `words of ${reason}`,
  lastTransitionTime: formatRfc3339(START),
});
const LOGIN = {
  registry: 'eu-west-1',
  digest: 'd',
  hosts: [HOST],
  expiresAt: formatRfc3339(after(HOUR)),
  refreshedAt: formatRfc3339(START),
  nextRefreshAt: formatRfc3339(after(HOUR)),
};
const READY: PullSecretStatus = {
  observedGeneration: 1,
  conditions: [condition('Ready', 'True', 'SecretsUpdated')],
  logins: [LOGIN],
  expiresAt: formatRfc3339(after(HOUR)),
};

const object = (over: Partial<PullSecretObject> = {}): PullSecretObject => ({
  ...pullSecret(NAMESPACED_KIND, spec()),
  status: READY,
  ...over,
});
/** Of the cluster kind, for what `wanted` says. */
const cluster = (wanted: object): PullSecretObject => ({
  ...pullSecret(CLUSTER_KIND, spec({ ...wanted })),
  status: READY,
});
const failing = (...conditions: readonly ReturnType<typeof condition>[]): PullSecretObject =>
  object({ status: { observedGeneration: 1, conditions: [...conditions] } });
const withProblem = (reason: string): PullSecretObject =>
  object({
    status: { ...READY, problems: { count: 1, items: [{ namespace: 'ns1', reason, message: `words of ${reason}` }] } },
  });

const secret = (over: Partial<FoundSecret> = {}): NamedSecret => ({
  name: 'ecr-login',
  found: { type: DOCKER_CONFIG_TYPE, hosts: [HOST], endsAt: after(HOUR), since: START, writerUid: UID, ...over },
});
const missing: NamedSecret = { name: 'ecr-login', found: 'missing' };
const unseen: NamedSecret = { name: 'ecr-login', found: 'unseen' };
const DOWN = { namespace: 'ops', name: 'operator', ready: 0 };

interface Over extends Partial<Omit<PullFacts, 'waiting'>> {
  readonly message?: string;
  readonly image?: string;
  readonly reason?: string;
}

function facts({ message = '', image = `${HOST}/api:1`, reason = 'ImagePullBackOff', ...over }: Over): PullFacts {
  return {
    pod: 'api-0',
    waiting: { container: 'api', image, reason, message },
    secrets: [],
    account: { name: 'default', secrets: [] },
    namespace: { name: 'ns1', labels: new Map([['team', 'a']]), hasAllLabels: true, terminating: false },
    areLabelsSeen: true,
    objects: [],
    areClusterObjectsSeen: true,
    operator: { namespace: 'ops', name: 'operator', ready: 1 },
    askedAt: undefined,
    ...over,
  };
}

type Row = readonly [over: Over, cause: string, what: RegExp, next: RegExp];

const rows: Readonly<Record<string, Row>> = {
  'a name that is no image': [{ reason: 'InvalidImageName' }, 'InvalidImageName', /cannot be read/, /Correct/],
  'a policy that never pulls': [{ reason: 'ErrImageNeverPull' }, 'ImageNeverPulled', /Never/, /IfNotPresent/],
  'an image of another registry': [{ image: 'nginx' }, 'NotEcr', /docker\.io is no registry of ECR/, /another|image/],
  'an image that is not there': [{ message: `${HOST}/api:1: not found` }, 'ImageNotFound', /no such image/, /push it/],
  'a registry that is not reached': [{ message: 'dial tcp: i/o timeout' }, 'RegistryUnreachable', /does not/, /VPC/],
  'a registry that is asked too often': [{ message: 'toomanyrequests: x' }, 'RegistryThrottled', /too many/, /Wait/],

  'no object at all': [{}, 'NoObject', /names no pull secret.*No object writes/, /Create an AWSECRImagePullSecret/],
  'no object that the caller may see': [{ areClusterObjectsSeen: false }, 'NoObject', /may not see those/, /Create/],
  'an object whose Secret the pod does not name': [
    { objects: [object()] },
    'NoSecretNamed',
    /AWSECRImagePullSecret ns1\/a writes Secret ecr-login there/,
    /kubectl patch serviceaccount default -n ns1 .*"ecr-login"/,
  ],
  'a cluster object whose Secret the pod does not name, before one for other namespaces': [
    { objects: [cluster({ namespaces: ['ns2'] }), cluster({ namespaceSelector: {}, secretName: 'team-login' })] },
    'NoSecretNamed',
    /ClusterAWSECRImagePullSecret a writes Secret team-login there/,
    /"team-login"/,
  ],
  'a ServiceAccount that names one since': [
    { objects: [object()], account: { name: 'builder', secrets: ['ecr-login'] } },
    'PodIsOlder',
    /The account names ecr-login now/,
    /kubectl delete pod api-0 -n ns1/,
  ],
  'a ServiceAccount that may not be seen': [
    { objects: [cluster({ namespaces: ['ns2'] })], account: { name: 'x', secrets: 'unseen' } },
    'NamespaceNotSelected',
    /not among the 1 in its spec\.namespaces/,
    /Add ns1 to spec\.namespaces: kubectl edit caeps\/a/,
  ],

  'a Secret that nobody would write': [{ secrets: [missing] }, 'NoObject', /does not exist in namespace ns1/, /Create/],
  'a Secret of another name than is written': [
    { secrets: [{ name: 'other', found: 'missing' }], objects: [object()] },
    'OtherSecretName',
    /writes Secret ecr-login there/,
    /Name ecr-login in the pod template/,
  ],
  'an object whose spec cannot be read': [
    { secrets: [missing], objects: [object({ spec: {} })] },
    'NoObject',
    /./,
    /./,
  ],
  'a namespace without the label': [
    { secrets: [missing], objects: [cluster({ namespaceSelector: { matchLabels: { ecr: 'true' } } })] },
    'NamespaceNotSelected',
    /does not select namespace ns1: the label ecr=true is missing\./,
    /kubectl label namespace ns1 ecr=true --overwrite, or name the namespace/,
  ],
  'a namespace with labels that keep it out': [
    {
      secrets: [missing],
      objects: [
        cluster({
          namespaceSelector: {
            matchExpressions: [
              { key: 'team', operator: 'NotIn', values: ['a', 'b'] },
              { key: 'team', operator: 'DoesNotExist' },
              { key: 'ecr', operator: 'Exists' },
            ],
          },
        }),
      ],
    },
    'NamespaceNotSelected',
    /the label team is a or b; it has the label team; the label ecr is missing/,
    /kubectl label namespace ns1 team-,/,
  ],
  'a namespace that lacks any label of a name': [
    {
      secrets: [missing],
      objects: [cluster({ namespaceSelector: { matchExpressions: [{ key: 'ecr', operator: 'Exists' }] } })],
    },
    'NamespaceNotSelected',
    /the label ecr is missing/,
    /kubectl label namespace ns1 ecr=true --overwrite/,
  ],
  'a namespace whose labels the caller may not see': [
    {
      secrets: [missing],
      objects: [cluster({ namespaceSelector: { matchLabels: { ecr: 'true' } } })],
      namespace: { name: 'ns1', labels: new Map(), hasAllLabels: false, terminating: false },
      areLabelsSeen: false,
    },
    'NamespaceNotSelected',
    /you may not see its labels/,
    /kubectl label/,
  ],
  'a namespace that is excluded': [
    { secrets: [missing], objects: [cluster({ namespaceSelector: {}, excludeNamespaces: ['ns1'] })] },
    'NamespaceExcluded',
    /spec\.excludeNamespaces/,
    /Take ns1 out/,
  ],
  'a namespace that is being deleted': [
    {
      secrets: [missing],
      objects: [cluster({ namespaceSelector: {} })],
      namespace: { name: 'ns1', labels: new Map(), hasAllLabels: true, terminating: true },
    },
    'NamespaceNotSelected',
    /is being deleted/,
    /./,
  ],

  'a problem of the namespace': [
    { secrets: [missing], objects: [withProblem('CreateSecretError')] },
    'CreateSecretError',
    /ns1\/a|reports CreateSecretError: words of CreateSecretError/,
    /quota or the policy.*kubectl describe aeps\/a -n ns1/,
  ],
  'a problem without advice of its own': [
    { secrets: [missing], objects: [withProblem('Strange')] },
    'Strange',
    /words of Strange/,
    /Do as the message says/,
  ],
  'a login that AWS denies': [
    { secrets: [missing], objects: [failing(condition('Ready', 'False', 'GetAWSAuthTokenFailed'))] },
    'GetAWSAuthTokenFailed',
    /words of GetAWSAuthTokenFailed/,
    /AWS identity/,
  ],
  'AWS that does not answer': [
    {
      secrets: [missing],
      objects: [
        failing(condition('Ready', 'False', 'GetAWSAuthTokenFailed'), condition('Reconciling', 'True', 'Retrying')),
      ],
    },
    'Retrying',
    /words of Retrying/,
    /tries again/,
  ],
  'trouble of other namespaces only': [
    { secrets: [missing], objects: [failing(condition('Ready', 'False', 'PartiallyReady'))] },
    'SecretMissing',
    /reports no problem here/,
    /Look again/,
  ],
  'an object that nobody has looked at': [
    { secrets: [missing], objects: [object({ status: {} })], operator: 'unseen' },
    'ObjectNotObserved',
    /has not looked at it/,
    /docs\/status\.md/,
  ],
  'an operator that is down': [
    { secrets: [missing], objects: [object()], operator: DOWN },
    'OperatorDown',
    /no pod of the operator is ready \(Deployment operator in namespace ops\)/,
    /kubectl describe deployment operator -n ops/,
  ],
  'an operator that is not there': [
    { secrets: [missing], objects: [object({ status: {} })], operator: 'missing' },
    'OperatorDown',
    /no Deployment of the operator is found/,
    /docs\/install\.md/,
  ],

  'a login that has ended, of an object that fails': [
    {
      secrets: [secret({ endsAt: START })],
      objects: [failing(condition('Stalled', 'True', 'GetAWSAuthTokenFailed'))],
    },
    'GetAWSAuthTokenFailed',
    /ended at 2023-10-04T20:45:52Z\. AWSECR/,
    /./,
  ],
  'a login that has ended, and that nobody renews': [
    { secrets: [secret({ endsAt: undefined, writerUid: undefined })], message: ENDED },
    'SecretEnded',
    /has ended, and no object renews it/,
    /adopt/,
  ],
  'a login that has ended, in a Secret whose object is wanted by name': [
    { secrets: [secret({ endsAt: START, writerUid: undefined })], objects: [withProblem('SecretConflict')] },
    'SecretConflict',
    /ended at/,
    /hand it over/,
  ],

  'a Secret of another account': [
    { secrets: [secret({ hosts: ['444455556666.dkr.ecr.eu-west-1.amazonaws.com'] })], objects: [object()] },
    'HostNotCovered',
    /opens 444455556666.*, and not 111122223333/,
    /Add account 111122223333 to spec\.registries .*: kubectl edit aeps\/a -n ns1/,
  ],
  'a Secret of another region': [
    {
      secrets: [secret()],
      objects: [object()],
      image: `${HOST.replace('eu-west-1', 'eu-west-2')}/api`,
    },
    'HostNotCovered',
    /./,
    /Add region eu-west-2 \(and account 111122223333, if it is another one\) to spec\.registries/,
  ],
  'a Secret that does not open the public registry': [
    { secrets: [secret({ hosts: [], writerUid: undefined })], image: 'public.ecr.aws/a/b' },
    'HostNotCovered',
    /opens no host, and not public\.ecr\.aws/,
    /spec\.registries has public: true/,
  ],
  'a Secret that does not open a host of a name of its own': [
    {
      secrets: [secret({ hosts: [] })],
      image: 'images.example.com/a',
      objects: [object({ status: { logins: [{ ...LOGIN, hosts: ['images.example.com'] }] } })],
    },
    'HostNotCovered',
    /not images\.example\.com/,
    /Add host images\.example\.com/,
  ],
  'a Secret that is none for pulling': [
    { secrets: [secret({ type: 'Opaque', hosts: undefined, writerUid: undefined })] },
    'NoPullSecret',
    /type Opaque/,
    /another Secret/,
  ],
  'a Secret that another writer keeps': [
    { secrets: [secret({ hosts: ['docker.io'], writerUid: undefined })], objects: [withProblem('SecretConflict')] },
    'SecretConflict',
    /does not open 111122223333/,
    /hand it over/,
  ],

  'a good login that may not pull': [
    { secrets: [secret()], message: REFUSED },
    'PullRefused',
    /good until 2023-10-04T21:45:52Z, but the registry refuses/,
    /ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on api; in another account \(111122223333\)/,
  ],
  'a good login that may not pull from a host of a name of its own': [
    {
      secrets: [secret({ hosts: ['images.example.com'], endsAt: undefined })],
      message: REFUSED,
      image: 'images.example.com/a',
      objects: [object({ status: { logins: [{ ...LOGIN, hosts: ['images.example.com'] }] } })],
    },
    'PullRefused',
    /that is good, but/,
    /\(of that registry\)/,
  ],
  'a good login that came after the refusal': [
    { secrets: [secret({ since: after(2 * MINUTE) })], message: REFUSED, askedAt: after(MINUTE) },
    'WaitsForKubelet',
    /has not tried with it yet/,
    /Wait, or delete it/,
  ],
  'a good login that is as old as the refusal': [
    { secrets: [secret()], message: REFUSED, askedAt: after(MINUTE) },
    'PullRefused',
    /./,
    /./,
  ],
  'a good login behind one that is not there': [
    { secrets: [{ name: 'gone', found: 'missing' }, secret()] },
    'WaitsForKubelet',
    /Secret ecr-login holds/,
    /./,
  ],

  'a Secret that the caller may not read, with an object that keeps it': [
    { secrets: [unseen], objects: [object()], message: REFUSED },
    'PullRefused',
    /good until/,
    /./,
  ],
  'a Secret that the caller may not read, with an object that fails': [
    { secrets: [unseen], objects: [withProblem('SecretConflict')] },
    'SecretConflict',
    /./,
    /./,
  ],
  'a Secret that the caller may not read, with an object that has no login yet': [
    { secrets: [unseen], objects: [object({ status: {} })], operator: 'unseen' },
    'ObjectNotObserved',
    /./,
    /./,
  ],
  'a Secret that the caller may not read, with an object for other namespaces': [
    { secrets: [unseen], objects: [cluster({ namespaces: ['ns2'] })] },
    'NamespaceNotSelected',
    /./,
    /./,
  ],
  'a Secret that the caller may not read, and no object': [
    { secrets: [unseen] },
    'NotSeen',
    /You may not read Secrets in namespace ns1/,
    /kubectl auth can-i get secrets -n ns1/,
  ],
};

describe('a pod that waits for its image is told of', () => {
  for (const [name, [over, cause, what, next]] of Object.entries(rows)) {
    test(name, () => {
      const said = explainPull(facts(over), START);
      assert.equal(said.cause, cause);
      assert.match(said.what, what);
      assert.match(said.next, next);
    });
  }
});
