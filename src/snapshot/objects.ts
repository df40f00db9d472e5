/** Which Kubernetes object an etcd key stands for (facts 7.8 with R40, R41). */
export interface ObjectName {
  /** As kubectl names it: `pods`, `deployments.apps`, `widgets.lab.example.com`. Keys of K3s and the API server's own: `internal`. */
  readonly kind: string;
  /** Empty for objects without a namespace. */
  readonly namespace: string;
  readonly name: string;
}

/** Kind of the keys that no API lists: address ranges, master leases, K3s' own. */
export const INTERNAL = 'internal';

/** Storage places of built-in resources whose group or name differs from the key; all others of the core group keep theirs. */
const BUILT_IN: Readonly<Record<string, string>> = {
  minions: 'nodes',
  'services/specs': 'services',
  'services/endpoints': 'endpoints',
  controllers: 'replicationcontrollers',
  limitranges: 'limitranges',
  ingress: 'ingresses.networking.k8s.io',
  ...group('apps', 'deployments daemonsets statefulsets replicasets controllerrevisions'),
  ...group('batch', 'jobs cronjobs'),
  ...group('autoscaling', 'horizontalpodautoscalers'),
  ...group('policy', 'poddisruptionbudgets podsecuritypolicy'),
  ...group('rbac.authorization.k8s.io', 'clusterroles clusterrolebindings roles rolebindings'),
  ...group('networking.k8s.io', 'networkpolicies ingressclasses ipaddresses servicecidrs'),
  ...group(
    'storage.k8s.io',
    'storageclasses csinodes csidrivers csistoragecapacities volumeattachments volumeattributesclasses',
  ),
  ...group('coordination.k8s.io', 'leases leasecandidates'),
  ...group('discovery.k8s.io', 'endpointslices'),
  ...group('scheduling.k8s.io', 'priorityclasses'),
  ...group('node.k8s.io', 'runtimeclasses'),
  ...group('flowcontrol.apiserver.k8s.io', 'flowschemas prioritylevelconfigurations'),
  ...group('certificates.k8s.io', 'certificatesigningrequests clustertrustbundles podcertificaterequests'),
  ...group('resource.k8s.io', 'resourceclaims resourceclaimtemplates resourceslices deviceclasses devicetaintrules'),
  ...group(
    'admissionregistration.k8s.io',
    'validatingwebhookconfigurations mutatingwebhookconfigurations validatingadmissionpolicies validatingadmissionpolicybindings mutatingadmissionpolicies mutatingadmissionpolicybindings',
  ),
  ...group('internal.apiserver.k8s.io', 'storageversions'),
  ...group('storagemigration.k8s.io', 'storageversionmigrations'),
};

/** Two parts before the name, the group first, for both custom resources and the two that only look like them. */
const INTERNAL_PLACES = new Set(['ranges', 'masterleases', 'peerserverleases']);

function group(name: string, resources: string): Record<string, string> {
  return Object.fromEntries(resources.split(' ').map((one) => [one, `${one}.${name}`]));
}

/** Where in a key the name begins is decided by its place, so that one parse per place and namespace is enough. */
export function parseKey(key: string): ObjectName {
  if (!key.startsWith('/registry/')) return { kind: INTERNAL, namespace: '', name: key };
  const parts = key.slice('/registry/'.length).split('/');
  const first = parts[0] ?? '';
  if (INTERNAL_PLACES.has(first)) return { kind: INTERNAL, namespace: '', name: key };
  // `services/specs` and `services/endpoints` are built in; a dot in the first part means `group/plural`.
  const two = first === 'services' || first.includes('.');
  const place = two ? `${first}/${parts[1] ?? ''}` : first;
  const rest = parts.slice(two ? 2 : 1);
  if (rest.length === 0 || rest.length > 2) return { kind: INTERNAL, namespace: '', name: key };
  const kind = first.includes('.') ? `${parts[1] ?? ''}.${first}` : (BUILT_IN[place] ?? place);
  const name = rest.length === 2 ? (rest[1] ?? '') : (rest[0] ?? '');
  return { kind, namespace: rest.length === 2 ? (rest[0] ?? '') : '', name };
}

/** True for what changes by itself all the time and that nobody misses: folded to a count in comparisons. */
export function isNoise(kind: string): 'events' | 'leases' | undefined {
  if (kind === 'events' || kind === 'events.events.k8s.io') return 'events';
  return kind === 'leases.coordination.k8s.io' ? 'leases' : undefined;
}
