// A refusal of AWS: an error code, an HTTP status and a sentence. Never carries a secret, a token or a signature.

/** A refused call; on the wire it is `{"__type": code, "message": message}` with `status` (AWS JSON 1.1). */
export interface Refusal {
  readonly ok: false;
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

/**
 * Makes a refusal.
 *
 * @param status  HTTP status; services that speak AWS JSON 1.1 answer 400 for authentication and authorisation errors
 *                too (seen for ECR: `UnrecognizedClientException` in aws-sdk-php#1114,
 *                `MissingAuthenticationTokenException` in jenkinsci/aws-credentials-plugin#270; elsewhere:
 *                `InvalidSignatureException` in aws-sdk-js#254, `IncompleteSignatureException` in cloud9-sync#10)
 */
export function refuse(code: string, message: string, status = 400): Refusal {
  return { ok: false, code, status, message };
}
