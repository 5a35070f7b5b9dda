// Rules for texts in a spec, by which the API server answers in words: a `pattern` it would repeat as it is.

export interface TextRule {
  readonly 'x-kubernetes-validations': readonly { readonly rule: string; readonly message: string }[];
}

/**
 * @param pattern  a regular expression of RE2 and of JavaScript, without a single quote
 * @param message  what the text must be, with an example
 */
export function matching(pattern: string, message: string): TextRule & Record<string, unknown> {
  return { 'x-kubernetes-validations': [{ rule: `self.matches(r'${pattern}')`, message }] };
}

/** Both; the second looks at what the first lets through. */
export function both(one: TextRule, other: TextRule): TextRule & Record<string, unknown> {
  return { 'x-kubernetes-validations': [...one['x-kubernetes-validations'], ...other['x-kubernetes-validations']] };
}

export const SECRET_NAME_WORDS =
  'must be a name that a Secret can have, such as ecr-login: lower case letters, digits, "-" and ".", with a letter or digit at both ends';
