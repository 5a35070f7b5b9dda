// The name of an image, read as the kubelet reads it. Pure.

export interface ImageName {
  /** Where it is pulled from, with a port if it has one; in lower case as written. */
  readonly host: string;
  /** Path of the repository, without host, tag and digest. */
  readonly repository: string;
  /** Digest, else tag, else `latest`. */
  readonly reference: string;
}

/** The registry of a name without one (github.com/distribution/reference, `ParseDockerRef`). */
const DOCKER_HUB = 'docker.io';

/**
 * A first part is a host when it has a dot, a port or a capital, or is `localhost`; any other one belongs to the
 * repository (github.com/distribution/reference, `splitDockerDomain`).
 *
 * @param reference  as it stands in a pod, such as `111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api:1.0`
 */
export function parseImage(reference: string): ImageName {
  const slash = reference.indexOf('/');
  const first = slash === -1 ? '' : reference.slice(0, slash);
  const hasHost = /[.:A-Z]/.test(first) || first === 'localhost';
  const path = hasHost ? reference.slice(slash + 1) : reference;
  const at = path.indexOf('@');
  const named = at === -1 ? path : path.slice(0, at);
  const digest = at === -1 ? '' : path.slice(at + 1);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const repository = hasTag ? named.slice(0, colon) : named;
  const wanted = digest || (hasTag ? named.slice(colon + 1) : 'latest');
  if (hasHost) return { host: first, repository, reference: wanted };
  return {
    host: DOCKER_HUB,
    repository: repository.includes('/') ? repository : `library/${repository}`,
    reference: wanted,
  };
}

/** A private registry: who owns it, and where it is. */
export interface EcrHost {
  readonly account: string;
  readonly region: string;
}

/** Hosts of private registries in every partition, IPv4, dual-stack and FIPS (ECR user guide, Private registries). */
const PRIVATE =
  /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z]{2,6}(?:-[a-z]+)+-\d{1,2})\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|(?:c2s|csp\.hci)\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk)$/;
const PUBLIC: ReadonlySet<string> = new Set(['public.ecr.aws', 'ecr-public.aws.com']);

/** @returns undefined for a host that is no private registry of ECR by its name */
export function ecrHost(host: string): EcrHost | undefined {
  const [, account, region] = PRIVATE.exec(host) ?? [];
  return account === undefined || region === undefined ? undefined : { account, region };
}

export function isPublicEcr(host: string): boolean {
  return PUBLIC.has(host);
}
