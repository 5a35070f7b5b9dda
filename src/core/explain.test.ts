// Covers the causes that keep a pod from its image, as far as no Secret that it names is there.

import { describe } from 'node:test';
import { spec } from '../../testing/rigs/builders.ts';
import {
  cluster,
  condition,
  DOWN,
  type ExplainedRow,
  failing,
  HOST,
  missing,
  object,
  READY,
  testExplanations,
  withProblem,
} from '../../testing/rigs/pull-facts.ts';

const rows: Readonly<Record<string, ExplainedRow>> = {
  'a name that is no image': [{ reason: 'InvalidImageName' }, 'InvalidImageName', /cannot be read/, /Correct/],
  'a policy that never pulls': [{ reason: 'ErrImageNeverPull' }, 'ImageNeverPulled', /Never/, /IfNotPresent/],
  'an image of another registry': [{ image: 'nginx' }, 'NotEcr', /docker\.io is no registry of ECR/, /another|image/],
  'an image that is not there': [{ message: `${HOST}/api:1: not found` }, 'ImageNotFound', /no such image/, /push it/],
  'a registry that is not reached': [{ message: 'dial tcp: i/o timeout' }, 'RegistryUnreachable', /does not/, /VPC/],
  'an image for other processors': [
    { message: 'no match for platform in manifest: not found' },
    'WrongPlatform',
    /processor/,
    /./,
  ],
  'a node whose disk is full': [{ message: 'no space left on device' }, 'NodeFault', /could not store/, /disk/],
  'a registry that is asked too often': [{ message: 'toomanyrequests: x' }, 'RegistryThrottled', /too many/, /Wait/],

  'no object at all': [{}, 'NoObject', /names no pull secret.*No object writes/, /Create an AWSECRImagePullSecret/],
  'no object that the caller may see': [{ areClusterObjectsSeen: false }, 'NoObject', /may not see those/, /Create/],
  'an object whose Secret the pod does not name': [
    { objects: [object()] },
    'NoSecretNamed',
    /AWSECRImagePullSecret ns1\/a writes Secret ecr-login there/,
    /kubectl patch serviceaccount default -n ns1 .*"ecr-login"/,
  ],
  'an object that asks for the account, of an operator that changes none': [
    {
      objects: [
        object({
          spec: spec({ serviceAccounts: { names: ['default'] } }),
          status: { ...READY, conditions: [condition('Attached', 'False', 'AttachmentDisabled')] },
        }),
      ],
    },
    'NotAttached',
    /asks for ServiceAccounts \(spec\.serviceAccounts\), and reports AttachmentDisabled: words of AttachmentDisabled$/,
    /^Set serviceAccountAttachment\.enabled .*; then have the pod made anew$/,
  ],
  'an object that asks for accounts by label, and has not been looked at': [
    { objects: [object({ spec: spec({ serviceAccounts: { selector: { matchLabels: { a: 'b' } } } }) })] },
    'NotAttached',
    /reports Attaching: the operator has not looked at it yet$/,
    /^Wait a moment/,
  ],
  'an object that asks for the account, with a reason that is not known': [
    {
      objects: [
        object({
          spec: spec({ serviceAccounts: { names: ['default'] } }),
          status: { ...READY, conditions: [condition('Attached', 'False', 'Other')] },
        }),
      ],
    },
    'NotAttached',
    /reports Other/,
    /^Do as the message says/,
  ],
  'an object that asks for the account, behind one that does not': [
    {
      objects: [
        object({ uid: 'other', name: 'other', spec: spec({ secretName: 'other' }) }),
        object({ spec: spec({ serviceAccounts: { names: ['default'] } }) }),
      ],
    },
    'NotAttached',
    /AWSECRImagePullSecret ns1\/a asks for ServiceAccounts/,
    /./,
  ],
  'an object whose Secret the account names by now, behind one that it does not name': [
    {
      objects: [object({ uid: 'other', name: 'other', spec: spec({ secretName: 'other' }) }), object()],
      account: { name: 'default', secrets: ['ecr-login'] },
    },
    'PodIsOlder',
    /The account names ecr-login now/,
    /./,
  ],
  'an object that asks for another account': [
    { objects: [object({ spec: spec({ serviceAccounts: { names: ['builder'] } }) })] },
    'NoSecretNamed',
    /./,
    /./,
  ],
  'an object that asks for the account, and says that it names the Secret': [
    {
      objects: [
        object({
          spec: spec({ serviceAccounts: { names: ['default'] } }),
          status: { ...READY, conditions: [condition('Attached', 'True', 'Attached')] },
        }),
      ],
      account: { name: 'default', secrets: 'unseen' },
    },
    'NoSecretNamed',
    /./,
    /./,
  ],
  'a cluster object whose Secret the pod does not name, before one for other namespaces': [
    { objects: [cluster({ namespaces: ['ns2'] }), cluster({ namespaceSelector: {}, secretName: 'team-login' })] },
    'NoSecretNamed',
    /ClusterAWSECRImagePullSecret a writes Secret team-login there/,
    /"team-login"/,
  ],
  'an object that opens the image, before one that does not': [
    {
      objects: [
        object({ name: 'us', spec: spec({ secretName: 'us-login' }, { region: 'us-east-1' }), status: {} }),
        object(),
      ],
      account: { name: 'default', secrets: ['other'] },
    },
    'NoSecretNamed',
    /writes Secret ecr-login there/,
    /^Name it in the pod template \(imagePullSecrets\), or have the operator do that/,
  ],
  'an object for the public registry that has no login yet': [
    {
      objects: [
        object({ status: {} }),
        object({ name: 'b', spec: spec({ secretName: 'all', registries: { public: true } }), status: {} }),
      ],
      image: 'public.ecr.aws/a/b',
    },
    'NoSecretNamed',
    /writes Secret all there/,
    /./,
  ],
  'a ServiceAccount that names one since': [
    { objects: [object()], account: { name: 'builder', secrets: ['ecr-login'] } },
    'PodIsOlder',
    /The account names ecr-login now/,
    /kubectl delete pod api-0 -n ns1/,
  ],
  'an object whose Secret the pod does not name, under an account that may not be seen': [
    { objects: [object()], account: { name: 'x', secrets: 'unseen' } },
    'NoSecretNamed',
    /./,
    /^Name it in the pod template \(imagePullSecrets\), or have the operator do that/,
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
    /kubectl label namespace ns1 ecr=true, or name the namespace/,
  ],
  'a namespace with another value of the label': [
    { secrets: [missing], objects: [cluster({ namespaceSelector: { matchLabels: { team: 'b' } } })] },
    'NamespaceNotSelected',
    /the label team is a, and not b/,
    /^Name the namespace in spec\.namespaces/,
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
    /^Name the namespace in spec\.namespaces: kubectl edit caeps\/a \(others may select/,
  ],
  'a namespace that lacks any label of a name': [
    {
      secrets: [missing],
      objects: [cluster({ namespaceSelector: { matchExpressions: [{ key: 'ecr', operator: 'Exists' }] } })],
    },
    'NamespaceNotSelected',
    /the label ecr is missing/,
    /kubectl label namespace ns1 ecr=true, or/,
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
};

describe('a pod that waits for its image is told of', () => testExplanations(rows));
