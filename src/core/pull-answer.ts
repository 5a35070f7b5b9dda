// What the kubelet's words about a failed pull say of the registry's answer. Pure.

/**
 * - `ended`: ECR knows the token, and it is past its end.
 * - `anonymous`: the kubelet had no login for the host.
 * - `refused`: the registry knows the caller, or nobody, and does not let it pull.
 * - `missing`: there is no such image or repository, which only somebody who is logged in is told.
 * - `throttled`: too many requests.
 * - `unreachable`: no registry answered.
 * - `platform`: the image is there, and not for this node's processor.
 * - `local`: the node could not store it.
 * - `none`: the words say nothing of these.
 */
export type PullAnswer =
  | 'ended'
  | 'anonymous'
  | 'refused'
  | 'missing'
  | 'throttled'
  | 'unreachable'
  | 'platform'
  | 'local'
  | 'none';

/** In this order: the words for a refused pull of containerd also say that the repository may not exist. */
const WORDS: readonly (readonly [PullAnswer, RegExp])[] = [
  ['ended', /authorization token has expired/i],
  ['anonymous', /no basic auth credentials/i],
  ['throttled', /toomanyrequests|429 Too Many Requests/i],
  [
    'unreachable',
    /\bdial (?:tcp|udp)\b|no such host|i\/o timeout|connection (?:refused|reset)|network is unreachable|TLS handshake|x509: |context deadline exceeded|server misbehaving/i,
  ],
  ['platform', /no match(?:ing manifest)? for platform|no matching manifest for/i],
  [
    'local',
    /no space left on device|missing parent|input\/output error|read-only file system|failed to extract layer/i,
  ],
  ['refused', /\b40[13] (?:Forbidden|Unauthorized)|not authorized|access denied|authorization failed|\bdenied:/i],
  ['missing', /: not found$|manifest unknown|name unknown|repository .* does not exist/i],
];

export function pullAnswer(message: string): PullAnswer {
  return WORDS.find(([, words]) => words.test(message))?.[0] ?? 'none';
}
