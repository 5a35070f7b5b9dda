// AWS Query as STS speaks it: STS's names of errors, answers and errors as XML.

import type { Refusal } from './refusal.ts';

export const FORM_CONTENT_TYPE = 'application/x-www-form-urlencoded';

/** Error of the JSON services -> its name and status in STS (STS API reference, Common Errors). */
const ERRORS: Readonly<Record<string, readonly [code: string, status: number]>> = {
  MissingAuthenticationTokenException: ['MissingAuthenticationToken', 403],
  IncompleteSignatureException: ['IncompleteSignature', 400],
  UnrecognizedClientException: ['InvalidClientTokenId', 403],
  InvalidSignatureException: ['SignatureDoesNotMatch', 403],
  ExpiredTokenException: ['ExpiredToken', 400],
};

/** A refusal of the shared parts, in STS's words. */
export function asStsRefusal(refusal: Refusal): Refusal {
  const [code, status] = ERRORS[refusal.code] ?? [refusal.code, refusal.status];
  return { ...refusal, code, status };
}

export function queryAnswer(operation: string, result: string): string {
  return `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${operation}Result>${result}</${operation}Result></${operation}Response>`;
}

export function queryError({ code, message }: Pick<Refusal, 'code' | 'message'>): string {
  return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message></Error></ErrorResponse>`;
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
