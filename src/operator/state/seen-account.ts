// A ServiceAccount as the API server sends it -> the reduced form that the store holds and `core` decides on.

import { ATTACHED_ANNOTATION, SECRET_NAME_MAX_LENGTH } from '../../api/names.ts';
import { attachedIn, MAX_ENTRIES, type SeenAccount } from '../../core/attachment.ts';
import { type JsonRecord, listOf, recordOf, stringOf } from '../../lib/json.ts';
import { type Metadata, metadataOf, selectable } from './reduced-objects.ts';

/** Of the annotation: the longest names of Secrets, as many as are kept, would fit twice. */
const LONGEST_LISTING = 32_768;
/** Shared: most accounts have no labels and name no Secret, and a large cluster has tens of thousands. */
const NO_NAMES: readonly string[] = Object.freeze([]);
const NO_ENTRIES: ReadonlyMap<string, string> = new Map();

/** Keeps names only; of an account with too many entries not even these. */
export function accountOf(raw: JsonRecord): SeenAccount | undefined {
  const metadata = metadataOf(raw);
  if (!metadata?.namespace) return undefined;
  const { namespace, name, uid, resourceVersion, deleting } = metadata;
  const labels = metadata.labels.size === 0 ? NO_ENTRIES : selectable(metadata.labels);
  const hasAllLabels = labels.size === metadata.labels.size;
  const common = { namespace, name, uid, resourceVersion, deleting, labels, hasAllLabels };
  return { ...common, ...entriesOf(metadata, listOf(raw['imagePullSecrets'])) };
}

function entriesOf(
  { annotations }: Metadata,
  list: readonly unknown[],
): Pick<SeenAccount, 'pullSecrets' | 'attached' | 'isTooLarge'> {
  const tooLarge = { pullSecrets: NO_NAMES, attached: NO_ENTRIES, isTooLarge: true };
  const listing = annotations.get(ATTACHED_ANNOTATION);
  if (list.length > MAX_ENTRIES || (listing?.length ?? 0) > LONGEST_LISTING) return tooLarge;
  const names = list.map((entry) => stringOf(recordOf(entry)['name']));
  // A write replaces the whole list: an entry that is not understood must not be lost.
  if (!names.every((name) => name !== undefined && name.length <= SECRET_NAME_MAX_LENGTH)) return tooLarge;
  const attached = listing === undefined ? NO_ENTRIES : attachedIn(listing);
  if (attached.size > MAX_ENTRIES) return tooLarge;
  return { pullSecrets: names.length === 0 ? NO_NAMES : (names as string[]), attached, isTooLarge: false };
}
