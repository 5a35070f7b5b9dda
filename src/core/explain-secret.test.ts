// Covers the causes that lie in the Secrets that a pod names, or in what its user may not see.

import { describe } from 'node:test';
import { after, START } from '../../testing/rigs/builders.ts';
import {
  cluster,
  condition,
  ENDED,
  type ExplainedRow,
  failing,
  HOST,
  LOGIN,
  object,
  READY,
  REFUSED,
  secret,
  testExplanations,
  unseen,
  withProblem,
} from '../../testing/rigs/pull-facts.ts';
import { MINUTE } from '../lib/time.ts';

const rows: Readonly<Record<string, ExplainedRow>> = {
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
    /another secretName/,
  ],
  'a login that has ended, in a Secret whose object is wanted by name': [
    { secrets: [secret({ endsAt: START, writerUid: undefined })], objects: [withProblem('SecretConflict')] },
    'SecretConflict',
    /ended at/,
    /another secretName/,
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
    /another secretName/,
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
    /it does not say when that ends, but the registry refuses the pull: it has ended, or/,
    /\(of that registry\)/,
  ],
  'a good login that came after the refusal': [
    { secrets: [secret({ since: after(2 * MINUTE) })], message: REFUSED, askedAt: after(MINUTE) },
    'WaitsForKubelet',
    /has not tried with it yet/,
    /Wait, or delete it/,
  ],
  'a good login that came a minute ago, when no Event says when the registry was asked': [
    { secrets: [secret({ since: after(0 - MINUTE) })], message: REFUSED },
    'WaitsForKubelet',
    /./,
    /./,
  ],
  'a good login that is as old as the refusal': [
    { secrets: [secret()], message: REFUSED, askedAt: after(MINUTE) },
    'PullRefused',
    /./,
    /./,
  ],
  'a good login that the kubelet did not use': [
    { secrets: [secret()], message: 'no basic auth credentials' },
    'LoginNotUsed',
    /the kubelet asked with none/,
    /mirror/,
  ],
  'a good login, and a kubelet that asked with one that has ended': [
    { secrets: [secret()], message: ENDED },
    'LoginNotUsed',
    /with one that has ended/,
    /./,
  ],
  'a good login, and a fault that is about something else': [
    { secrets: [secret()], message: 'strange' },
    'OtherFailure',
    /something else/,
    /kubectl describe pod api-0 -n ns1/,
  ],
  'a good login of a pod that nobody makes anew': [
    { secrets: [secret()], isReplaceable: false },
    'WaitsForKubelet',
    /./,
    /^Wait, or make the pod anew yourself/,
  ],
  'a Secret for another registry, beside an object that writes the right one': [
    {
      secrets: [{ ...secret({ hosts: ['docker.io'], writerUid: undefined }), name: 'dockerhub' }],
      objects: [object()],
    },
    'OtherSecretName',
    /Secret dockerhub does not open .* writes Secret ecr-login there/,
    /^Name ecr-login in the pod template, beside/,
  ],
  'a login that the registry refuses, of an object that has asked as well': [
    {
      secrets: [secret()],
      objects: [object({ status: { ...READY, conditions: [condition('Pullable', 'False', 'PullDenied')] } })],
      message: REFUSED,
    },
    'PullRefused',
    /has asked as well, and reports Pullable False, PullDenied: words of PullDenied$/,
    /^Give the identity/,
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
    /^By the status of its object, Secret ecr-login holds .* good until/,
    /./,
  ],
  'a Secret that the caller may not read, whose renewal fails': [
    {
      secrets: [unseen],
      objects: [object({ status: { ...READY, conditions: [condition('Stalled', 'True', 'GetAWSAuthTokenFailed')] } })],
    },
    'WaitsForKubelet',
    /^By the status of its object/,
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

describe('a pod that names Secrets is told of', () => testExplanations(rows));
