// Texts in a spec, about which the API server answers in words: a `pattern` it would repeat as it is.

import { z } from 'zod';

/** A rule in CEL, as a CRD has it. */
interface Rule {
  readonly rule: string;
  readonly message: string;
}

/**
 * @param pattern  a regular expression of RE2, without a single quote
 * @param message  what the text must be, with an example
 * @param most     characters. A longer text may be stored since before the schema: the cost of a match would then make
 *                 the API server refuse every write, of a status too
 * @param more     further rules
 */
export function text(pattern: string, message: string, most: number, ...more: readonly Rule[]): z.ZodString {
  const matches = { rule: `self.size() > ${most} || self.matches(r'${pattern}')`, message };
  return z
    .string()
    .max(most)
    .meta({ 'x-kubernetes-validations': [matches, ...more] });
}

export const SECRET_NAME_WORDS =
  'must be a name that a Secret can have, such as ecr-login: lower case letters, digits, "-" and ".", with a letter or digit at both ends';
