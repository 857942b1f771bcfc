/** For what mirrors have no part in. */
import { configuredPlan, type RegistryClientOptions } from './client.js';
import { type EndpointPlan, isHostOf, originEndpoint } from './endpoint-plan.js';

/** The registry itself as this machine is configured for it, among all that stands for it in a pull. */
export async function planOrigin(options: RegistryClientOptions): Promise<EndpointPlan> {
  const { domain, insecure = false } = options;
  const planned = (await configuredPlan(options))?.endpoints.findLast(
    ({ bases: [base = ''] }) => URL.canParse(base) && isHostOf(domain, new URL(base).host),
  );
  return { endpoints: [planned ?? originEndpoint(options, insecure)], notes: [] };
}
