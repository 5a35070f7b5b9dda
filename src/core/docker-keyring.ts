// Which image a key of a docker config opens, as the kubelet looks it up. Pure.
//
// The rules are those of `BasicDockerKeyring` and `URLsMatch` of k8s.io/kubernetes/pkg/credentialprovider: a scheme and
// a leading /v1/ or /v2/ are left out, ports are equal or both absent, hosts are compared label by label with the
// patterns of a shell, and the key's path is a prefix of the image's.

import type { ImageName } from './image.ts';

/** Scheme, host, port and path. */
const KEY = /^(?:https?:\/\/)?([^/:]+)(:\d{1,5})?(\/.*)?$/;

/** Whether a key such as `*.dkr.ecr.eu-west-1.amazonaws.com` opens the image. */
export function opens(key: string, { host, repository }: ImageName): boolean {
  const [, name, port, path = ''] = KEY.exec(key) ?? [];
  const [, hostName, hostPort] = KEY.exec(host) ?? [];
  if (name === undefined || hostName === undefined || port !== hostPort) return false;
  const [own, others] = [name.split('.'), hostName.split('.')];
  if (own.length !== others.length || !own.every((label, at) => matches(label, String(others[at])))) return false;
  const prefix = path.replace(/^\/v[12]\//, '/');
  return prefix === '/' || `/${repository}`.startsWith(prefix);
}

/** `*` stands for any number of characters, `?` for one; without going back, whatever the pattern. */
function matches(pattern: string, text: string): boolean {
  let [at, from, star, resume] = [0, 0, -1, 0];
  while (at < text.length) {
    if (pattern[from] === '*') {
      star = from;
      resume = at;
      from += 1;
    } else if (from < pattern.length && (pattern[from] === '?' || pattern[from] === text[at])) {
      at += 1;
      from += 1;
    } else if (star !== -1) {
      from = star + 1;
      resume += 1;
      at = resume;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(from));
}
