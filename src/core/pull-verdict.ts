// What a registry's answer about a manifest says of a pull. Pure.

/** The parts of an answer that count. */
export interface RegistryWords {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** The answer in one line, such as `403 DENIED not you`. */
export function wordsOf({ status, code, message }: RegistryWords): string {
  return [String(status), code, message].filter((part) => part !== '').join(' ');
}

/** Words that name an answer. */
export const PULL_VERDICTS = [
  'Pullable',
  'ImageNotFound',
  'RepositoryNotFound',
  'PullDenied',
  'LoginRefused',
  'Throttled',
  'UnexpectedAnswer',
] as const;

export interface PullVerdict {
  /** A kubelet with this login would get the image, or be told that there is none: it may pull. */
  readonly mayPull: boolean;
  readonly reason: (typeof PULL_VERDICTS)[number];
  /** In a sentence; empty when all is well. */
  readonly help: string;
}

const ACTION = /not authorized to perform: (ecr(?:-public)?:\w+)/;

/** The answers are those of ECR (ECR user guide, Troubleshooting; its API reference, Common errors). */
export function pullVerdict({ status, code, message }: RegistryWords): PullVerdict {
  if (status >= 200 && status < 300)
    return {
      mayPull: true,
      reason: 'Pullable',
      help: 'the manifest is given; for layers the identity needs ecr:GetDownloadUrlForLayer as well',
    };
  if (status === 404 && /NAME_UNKNOWN/.test(code))
    return {
      mayPull: false,
      reason: 'RepositoryNotFound',
      help: 'the registry has no such repository: create it, or correct the name',
    };
  if (status === 404 && /MANIFEST_UNKNOWN/.test(code))
    return { mayPull: true, reason: 'ImageNotFound', help: 'pulling is allowed, and there is no image of this tag' };
  if (status === 429)
    return { mayPull: false, reason: 'Throttled', help: 'the registry has too many requests: ask again later' };
  if (status === 401 || (status === 403 && /token has expired/i.test(message)))
    return {
      mayPull: false,
      reason: 'LoginRefused',
      help: 'the registry does not take the login: it has ended, or is for another registry',
    };
  if (status === 403) {
    const [, action = 'ecr:BatchGetImage and ecr:GetDownloadUrlForLayer'] = ACTION.exec(message) ?? [];
    const help = `the AWS identity may log in, and not pull: give it ${action} on the repository; in another account, its repository policy has to allow that too`;
    return { mayPull: false, reason: 'PullDenied', help };
  }
  return { mayPull: false, reason: 'UnexpectedAnswer', help: `the registry answered with status ${status}` };
}
