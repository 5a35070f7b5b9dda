// Why no object has written a good Secret: there is none, it serves other namespaces, it fails, or nobody works. Pure.

import { type Case, nameOf, prefixed, type Writer } from './explain-case.ts';
import { type Explanation, faultOf, isObserved, whyNotSelected } from './explain-object.ts';
import type { PullSecretObject } from './resource.ts';

/** Of a Secret that an object wants here: what the object says, else why it says nothing. */
export function withFault(all: Case, object: PullSecretObject, before: string): Explanation {
  const fault = faultOf(object, all.facts.namespace.name);
  const { operator } = all.facts;
  // One that was not installed by the chart is not found. Of one that is down, the status may be an old word.
  const isDown = typeof operator === 'string' ? operator === 'missing' && !isObserved(object) : operator.ready === 0;
  if (isDown) return prefixed(before, operatorIsDown(all, object));
  return prefixed(before, fault ?? notSaid(object));
}

function operatorIsDown({ facts: { operator } }: Case, object: PullSecretObject): Explanation {
  const where = typeof operator === 'string' ? undefined : operator;
  const what = where
    ? `no pod of the operator is ready (Deployment ${where.name} in namespace ${where.namespace})`
    : 'no Deployment of the operator is found in this cluster';
  return {
    cause: 'OperatorDown',
    what: `${nameOf(object)} should write it, but ${what}.`,
    next: where
      ? `See why: kubectl describe deployment ${where.name} -n ${where.namespace}`
      : 'Install it (docs/install.md)',
  };
}

function notSaid(object: PullSecretObject): Explanation {
  if (isObserved(object))
    return {
      cause: 'SecretMissing',
      what: `${nameOf(object)} reports no problem here: its Secret was taken away a moment ago, or this is an old copy of its name.`,
      next: 'Look again in a few seconds; if it stays so, see the log of the operator (docs/logs.md)',
    };
  return {
    cause: 'ObjectNotObserved',
    what: `${nameOf(object)} has no status for its present spec: the operator has not looked at it.`,
    next: 'Look again in a few seconds; if it stays so, see whether the operator runs, and in which namespaces it works (docs/status.md)',
  };
}

export function notSelected({ facts }: Case, { object, wish }: Writer): Explanation {
  return whyNotSelected(object, wish.targets, facts.namespace, facts.areLabelsSeen);
}

export function noObject(
  { facts: { namespace, areClusterObjectsSeen }, image }: Case,
  secretName: string,
): Explanation {
  const hidden = areClusterObjectsSeen ? '' : ' (you may not see those of the cluster kind)';
  return {
    cause: 'NoObject',
    what: `No object${hidden} writes a pull secret into namespace ${namespace.name}.`,
    next: `Create an AWSECRImagePullSecret there, with secretName ${secretName} and a registry that opens ${image.host} (docs/install.md)`,
  };
}
