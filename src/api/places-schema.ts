// The part of the schema about places: which namespaces receive the Secret, and which ServiceAccounts there name it.

import { z } from 'zod';
import {
  MAX_NAMESPACES,
  MAX_SERVICE_ACCOUNTS,
  NAMESPACE_MAX_LENGTH,
  NAMESPACE_PATTERN,
  SECRET_NAME_MAX_LENGTH,
  SECRET_NAME_PATTERN,
} from './names.ts';
import { text } from './text-rules.ts';

const namespaceWords =
  'must be the name of a namespace, such as team-a: lower case letters, digits and "-", with a letter or digit at both ends';

/** @param everyNamespace  what to write instead of a star */
export const namespaceList = (everyNamespace: string, description: string) => {
  const noStar = { rule: "self != '*'", message: `is no pattern: ${everyNamespace}` };
  const name = text(`${NAMESPACE_PATTERN}|^\\*$`, namespaceWords, NAMESPACE_MAX_LENGTH, noStar);
  return z.array(name).max(MAX_NAMESPACES).meta({ 'x-kubernetes-list-type': 'atomic' }).describe(description);
};

/** @param whose  what has the labels, such as `namespace` */
const labelSelector = (whose: string, description: string) =>
  z
    .strictObject({
      matchLabels: z
        .record(z.string(), z.string().max(63))
        .optional()
        .describe(`Labels that a ${whose} must have, with these values.`),
      matchExpressions: z
        .array(
          z.strictObject({
            key: z.string().min(1).max(317).describe('Label that the requirement is about.'),
            operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the label is compared.'),
            values: z
              .array(z.string().max(63))
              .max(1_000)
              .meta({ 'x-kubernetes-list-type': 'atomic' })
              .optional()
              .describe('Values for In and NotIn; absent for Exists and DoesNotExist.'),
          }),
        )
        .max(100)
        .meta({ 'x-kubernetes-list-type': 'atomic' })
        .optional()
        .describe('Requirements, all of which must hold.'),
    })
    .describe(description);

export const namespaceSelector = labelSelector(
  'namespace',
  'Namespaces by their labels, of which the first 100 by name count; {} selects every namespace. Who may label a ' +
    'namespace may make it receive the login.',
);

export const serviceAccounts = z
  .strictObject({
    names: z
      .array(
        text(
          SECRET_NAME_PATTERN,
          'must be the name of a ServiceAccount, such as default: lower case letters, digits, "-" and ".", with a letter or digit at both ends',
          SECRET_NAME_MAX_LENGTH,
        ),
      )
      .min(1)
      .max(MAX_SERVICE_ACCOUNTS)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .optional()
      .describe(
        'ServiceAccounts by name, such as default. One that does not exist yet is served when it does. Repeats are folded.',
      ),
    selector: labelSelector(
      'ServiceAccount',
      'ServiceAccounts by their labels, of which the first 100 by name count; {} selects every ServiceAccount.',
    ).optional(),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'has(self.names) != has(self.selector)',
        message: 'give names or a selector: one of the two, and not both',
      },
    ],
  })
  .optional()
  .describe(
    "ServiceAccounts of the pull secret's namespaces that name it in their imagePullSecrets, so that pods need not. Needs " +
      'serviceAccountAttachment.enabled in the chart. Only what the operator has added is ever taken away.',
  );
