// The endpoints of AWS that the environment names, as the SDK reads them. Pure.

type Environment = Readonly<Record<string, string | undefined>>;

/** The services that the operator calls. */
const SERVICES = ['ECR', 'ECR_PUBLIC', 'STS'] as const;
type Service = (typeof SERVICES)[number];

/** The variable that names a service's endpoint, and its value; undefined when AWS's own endpoint counts. */
function givenFor(
  service: Service,
  env: Environment,
): { readonly variable: string; readonly value: string } | undefined {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return undefined;
  for (const variable of [`AWS_ENDPOINT_URL_${service}`, 'AWS_ENDPOINT_URL']) {
    const value = env[variable];
    if (value) return { variable, value };
  }
  return undefined;
}

function endpointIn(value: string): URL | undefined {
  const url = URL.parse(value);
  return url && (url.protocol === 'https:' || url.protocol === 'http:') ? url : undefined;
}

/** @returns undefined when none is given, or what is given is no endpoint */
export function endpointOf(service: Service, env: Environment): URL | undefined {
  const given = givenFor(service, env);
  return given && endpointIn(given.value);
}

/** A sentence for each variable that is used and names no endpoint; it does not repeat the value. */
export function endpointMistakes(env: Environment): readonly string[] {
  const broken = SERVICES.flatMap((service) => givenFor(service, env) ?? []).filter(({ value }) => !endpointIn(value));
  return [...new Set(broken.map(({ variable }) => variable))].map(
    (variable) => `${variable} is not https:// (or http://) and a host: give it like https://vpce.example.com`,
  );
}
