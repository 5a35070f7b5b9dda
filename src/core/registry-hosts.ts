// Whether one host of a docker config opens nothing beyond others, as the kubelet reads them. Pure.
//
// The rules are those of Kubernetes' credentialprovider (tried with 1.37): a leading `http://` or `https://` is
// ignored, a path can only narrow the match, ports are equal or both absent, and the host is compared label by label
// without folding its case; a `*` stands for one label.

/** A host as the kubelet compares it; whatever has another form counts as a host that nothing covers. */
const HOST = /^(?:https?:\/\/)?([A-Za-z0-9*._-]+)(:[0-9]{1,5})?(?:\/.*)?$/;

interface Pattern {
  readonly labels: readonly string[];
  readonly port: string | undefined;
}

function patternOf(host: string): Pattern | undefined {
  const [, name, port] = HOST.exec(host) ?? [];
  return name === undefined ? undefined : { labels: name.split('.'), port };
}

/**
 * Whether every image that `host` opens is opened by one of `ours` too.
 *
 * @param host  as it stands in a Secret of anybody
 * @param ours  as the operator writes them: a host with or without a port; a label may be `*`
 */
export function isCovered(host: string, ours: readonly string[]): boolean {
  const pattern = patternOf(host);
  return pattern !== undefined && ours.some((own) => covers(patternOf(own), pattern));
}

function covers(own: Pattern | undefined, other: Pattern): boolean {
  if (own === undefined || own.port !== other.port || own.labels.length !== other.labels.length) return false;
  return own.labels.every((label, at) => label === '*' || label === other.labels[at]);
}
