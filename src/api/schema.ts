// THE source of the API: both specs and the status. TypeScript types, CRDs and the API reference are derived from it.
// Used at build time only: at run time the operator imports nothing but types from here.

import { z } from 'zod';
import { clusterAccess, namespacedAccess, registries } from './access-schema.ts';
import {
  ADOPT_ANNOTATION,
  CREDENTIALS_LABEL,
  EXPIRY_ANNOTATION,
  INPUTS_ANNOTATION,
  MANAGED_BY_LABEL,
  MAX_TEMPLATE_KEYS,
  MAX_TEMPLATE_VALUE,
  NAMESPACE_MAX_LENGTH,
  OWNER_UID_LABEL,
  SECRET_NAME_MAX_LENGTH,
  SECRET_NAME_PATTERN,
  TEMPLATE_ANNOTATION,
} from './names.ts';
import { namespaceList, namespaceSelector, serviceAccounts } from './places-schema.ts';
import { probe } from './probe-schema.ts';
import { SECRET_NAME_WORDS, text } from './text-rules.ts';

/** Longest list of problems in a status. */
export const MAX_PROBLEMS = 100;
/** As `metav1.Condition` has it. */
const MAX_MESSAGE = 32_768;

const time = z.string().meta({ format: 'date-time' });

const secretName = text(SECRET_NAME_PATTERN, SECRET_NAME_WORDS, SECRET_NAME_MAX_LENGTH, {
  rule: 'self == oldSelf',
  message: 'secretName is immutable: delete this object and create another one',
}).describe('Name of the pull secret that is kept in each namespace. Immutable.');

/** In CEL, without going through the map; `core/secret-template.ts` refuses every key of the operator's domain. */
const without = (...keys: readonly string[]) => keys.map((key) => `!('${key}' in self)`).join(' && ');

const templateMap = (value: z.ZodString, rule: string, description: string) =>
  z
    .record(z.string(), value)
    .meta({
      maxProperties: MAX_TEMPLATE_KEYS,
      'x-kubernetes-validations': [
        { rule, message: 'the operator sets the keys of its own: leave them out of the template' },
      ],
    })
    .optional()
    .describe(description);

const secretTemplate = z
  .strictObject({
    labels: templateMap(
      z.string().max(63),
      without(MANAGED_BY_LABEL, OWNER_UID_LABEL, CREDENTIALS_LABEL),
      'Labels that the pull secrets have beside those of the operator.',
    ),
    annotations: templateMap(
      z.string().max(MAX_TEMPLATE_VALUE),
      without(EXPIRY_ANNOTATION, INPUTS_ANNOTATION, ADOPT_ANNOTATION, TEMPLATE_ANNOTATION),
      'Annotations that the pull secrets have beside those of the operator.',
    ),
  })
  .optional()
  .describe(
    'Labels and annotations on the pull secrets. What leaves this field leaves the secrets; what others have added to them stays.',
  );

export const namespacedSpec = z
  .strictObject({
    awsAccess: namespacedAccess,
    secretName,
    registries: registries.optional(),
    secretTemplate,
    serviceAccounts,
    probe,
  })
  .describe('What is wanted: one pull secret, in this namespace.');

export const clusterSpec = z
  .strictObject({
    awsAccess: clusterAccess,
    secretName,
    registries: registries.optional(),
    secretTemplate,
    serviceAccounts,
    probe,
    namespaces: namespaceList(
      'namespaceSelector: {} selects every namespace',
      'Namespaces by name. Repeats are folded.',
    )
      .min(1)
      .optional(),
    namespaceSelector: namespaceSelector.optional(),
    excludeNamespaces: namespaceList(
      'name each namespace',
      'Namespaces that never receive the pull secret, however they were selected.',
    ).optional(),
  })
  .describe('What is wanted: the pull secret in every namespace that is named or selected, and not excluded.');

const condition = z.strictObject({
  type: z
    .string()
    .max(316)
    .regex(
      /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/,
    )
    .describe(
      'Ready; Attached where serviceAccounts is set, Pullable where probe is; Reconciling and Stalled only while they are true.',
    ),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether the condition holds.'),
  observedGeneration: z
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('The generation of the object that the condition is about.'),
  lastTransitionTime: time.describe('When the status of the condition last changed.'),
  reason: z
    .string()
    .min(1)
    .max(1_024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .describe('Why, in one word.'),
  message: z.string().max(MAX_MESSAGE).describe('Why, in a sentence.'),
});

const login = z.strictObject({
  registry: z.string().min(1).max(64).describe('What the login opens: the region of a private registry.'),
  expiresAt: time.describe('When the token ends.'),
  refreshedAt: time.describe('When the token was fetched.'),
  nextRefreshAt: time.describe('When the next token will be fetched.'),
  digest: z.string().max(128).describe('Digest of token and end, by which the token is recognised after a restart.'),
  hosts: z
    .array(z.string().max(253))
    .max(100)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('Registry hosts that the login opens.'),
  accessKeyIdSuffix: z
    .string()
    .max(8)
    .optional()
    .describe(
      'The last characters of the id of the access key that gave the login; absent for identities without one.',
    ),
  ambientSource: z
    .string()
    .max(32)
    .optional()
    .describe("Where the operator found its own identity, which gave the login; absent for an object's own identity."),
});

const count = z.number().int().min(0).max(2_147_483_647);

export const status = z
  .strictObject({
    observedGeneration: z
      .number()
      .int()
      .min(-1)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .describe('The generation that this status is about; -1 before the first look.'),
    conditions: z
      .array(condition)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
      .optional()
      .describe(
        'Ready; Attached where spec.serviceAccounts is set, Pullable where spec.probe is; Reconciling and Stalled only while they are true.',
      ),
    logins: z
      .array(login)
      .max(64)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['registry'] })
      .optional()
      .describe('The logins that the pull secrets hold.'),
    expiresAt: time.optional().describe('When the first of the logins ends.'),
    refreshedAt: time.optional().describe('When the last of the logins was fetched.'),
    secrets: z
      .strictObject({
        desired: count.describe('Pull secrets wanted.'),
        ready: count.describe('Pull secrets in place.'),
        summary: z.string().max(32).optional().describe('The same as a text, such as 3/5, for a column of kubectl.'),
      })
      .optional()
      .describe('How many pull secrets are wanted and in place.'),
    problems: z
      .strictObject({
        count: count.describe('How many namespaces have a problem.'),
        items: z
          .array(
            z.strictObject({
              namespace: z.string().max(NAMESPACE_MAX_LENGTH).describe('The namespace.'),
              reason: z.string().max(128).describe('What is wrong, in one word.'),
              message: z.string().max(1_024).describe('What is wrong and how to mend it.'),
            }),
          )
          .max(MAX_PROBLEMS)
          .meta({ 'x-kubernetes-list-type': 'atomic' })
          .describe('The first of them: namespaces that the object names, then the others; by name.'),
      })
      .optional()
      .describe('Namespaces in which the pull secret could not be kept.'),
    lastHandledReconcileAt: z
      .string()
      .max(1_024)
      .optional()
      .describe('Value of the annotation aws.zakariaamine.com/reconcile-at that was last acted on.'),
  })
  .meta({ default: { observedGeneration: -1 } })
  .describe('What was found and done. Written by the operator only.');

/** The deprecated v1alpha1 kind, as the Go project defined it; the operator only converts it. */
export const legacySpec = z
  .strictObject({
    awsAccess: z
      .strictObject({
        region: z.string().describe('AWS region.'),
        accessKeyId: z.string().describe('AWS access key id.'),
        secretAccessKey: z.string().describe('The secret key that belongs to it.'),
      })
      .optional()
      .describe('Who asks AWS for the login, and where.'),
    secretName: z.string().min(1).max(SECRET_NAME_MAX_LENGTH).optional().describe('Name of the pull secret.'),
    namespaces: z.array(z.string()).min(1).optional().describe('Namespaces by name.'),
  })
  .describe('What is wanted.');

export const legacyStatus = z
  .strictObject({
    conditions: z
      .array(condition)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
      .optional()
      .describe('Ready.'),
  })
  .describe('What was found and done.');

export type PullSecretStatus = z.infer<typeof status>;
export type Condition = z.infer<typeof condition>;
export type LoginStatus = z.infer<typeof login>;
/** What a status says of the identity that gave a login. */
export type ShownIdentity = Pick<LoginStatus, 'accessKeyIdSuffix' | 'ambientSource'>;
export type Problem = NonNullable<PullSecretStatus['problems']>['items'][number];
