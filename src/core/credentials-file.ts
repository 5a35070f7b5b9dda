// A credentials file of AWS's tools, as whole Secrets hold it: its text -> the values of one section. Pure.

/** Names of the values that hold the keys, in a Secret or in the environment. */
export interface CredentialKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Names of the keys in the file (AWS CLI user guide, configuration and credential file settings). */
export const FILE_NAMES: CredentialKeys = {
  accessKeyId: 'aws_access_key_id',
  secretAccessKey: 'aws_secret_access_key',
  sessionToken: 'aws_session_token',
};

const KEY_ID_LINE = /^[ \t]*(?:export[ \t]+)?aws_access_key_id[ \t]*=/im;

/** Whether a text is such a file: it has a line for a key id. */
export function isCredentialsFile(text: string): boolean {
  return KEY_ID_LINE.test(text);
}

/**
 * The values of the section `[default]`, or of the only section with both keys; what stands before the first section is
 * one of its own.
 *
 * @returns by name in lower case; undefined when no section has both keys; `several` when more than one has, and none
 *          is `[default]`
 */
export function parseCredentialsFile(text: string): ReadonlyMap<string, string> | 'several' | undefined {
  const sections = new Map<string, Map<string, string>>();
  let current = '';
  for (const line of text.split(/\r\n|\r|\n/).map((one) => one.trim())) {
    if (line.startsWith('[') && line.endsWith(']')) current = line.slice(1, -1).trim();
    const at = line.indexOf('=');
    const name = line
      .slice(0, at)
      .trim()
      .replace(/^export\s+/, '');
    const section = sections.get(current) ?? new Map<string, string>();
    if (at > 0) section.set(name.toLowerCase(), line.slice(at + 1));
    sections.set(current, section);
  }
  const full = [...sections].filter(
    ([, values]) => values.has(FILE_NAMES.accessKeyId) && values.has(FILE_NAMES.secretAccessKey),
  );
  const own = full.find(([name]) => name === 'default');
  if (!own && full.length > 1) return 'several';
  return (own ?? full[0])?.[1];
}
