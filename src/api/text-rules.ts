// Rules for texts in a spec, by which the API server answers in words: a `pattern` it would repeat as it is.

export interface TextRule {
  readonly 'x-kubernetes-validations': readonly { readonly rule: string; readonly message: string }[];
}

/**
 * @param pattern  a regular expression of RE2 and of JavaScript, without a single quote
 * @param message  what the text must be, with an example
 * @param most     its `maxLength`, which refuses longer ones. A longer one may be stored since before the schema: the
 *                 cost of a match would then make the API server refuse every write, of a status too
 */
export function matching(pattern: string, message: string, most: number): TextRule & Record<string, unknown> {
  return { 'x-kubernetes-validations': [{ rule: `self.size() > ${most} || self.matches(r'${pattern}')`, message }] };
}

/** Both; the second looks at what the first lets through. */
export function both(one: TextRule, other: TextRule): TextRule & Record<string, unknown> {
  return { 'x-kubernetes-validations': [...one['x-kubernetes-validations'], ...other['x-kubernetes-validations']] };
}

export const SECRET_NAME_WORDS =
  'must be a name that a Secret can have, such as ecr-login: lower case letters, digits, "-" and ".", with a letter or digit at both ends';
