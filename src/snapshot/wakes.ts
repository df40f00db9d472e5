import { inertLine } from '../base/inert.js';
import { jsonAt, type KubeValue } from './kube-value.js';
import { field, fields, textAt } from './protobuf.js';

/** Why an object acts by itself as soon as the restored control plane runs. */
export type WakeCause =
  | 'cronjob'
  | 'autoscaler'
  | 'gitops'
  | 'upgrade-plan'
  | 'external-dns'
  | 'reclaim-delete'
  | 'webhook-fails-closed';

/** One object that will act, as the gate and the report show it. */
export interface Wake {
  readonly cause: WakeCause;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** What it will do, where the object says so: its schedule, its failing webhooks. */
  readonly detail: string;
}

const CRONJOBS = 'cronjobs.batch';
const HPAS = 'horizontalpodautoscalers.autoscaling';
const VOLUMES = 'persistentvolumes';
const DEPLOYMENTS = 'deployments.apps';
const PLANS = 'plans.upgrade.cattle.io';
const WEBHOOKS = /^(validating|mutating)webhookconfigurations\.admissionregistration\.k8s\.io$/;
/** Argo CD, Flux and Fleet; their bookkeeping kinds (reports, events) do nothing. */
const GITOPS =
  /^(applications|applicationsets|cronworkflows|kustomizations|helmreleases|gitrepositories|ocirepositories|helmrepositories|buckets|imageupdateautomations|gitrepos|bundles)\.(.*\.)?(argoproj\.io|fluxcd\.io|fleet\.cattle\.io)$/;

/** True for kinds of which some objects act by themselves. */
export function mayWake(kind: string): boolean {
  return (
    kind === CRONJOBS ||
    kind === HPAS ||
    kind === VOLUMES ||
    kind === DEPLOYMENTS ||
    kind === PLANS ||
    kind.endsWith('.externaldns.k8s.io') ||
    WEBHOOKS.test(kind) ||
    GITOPS.test(kind)
  );
}

/** Of deployments only external-dns is looked at: the name is all that tells it. */
export function worthReading(kind: string, name: string): boolean {
  return kind !== DEPLOYMENTS || /external-?dns/.test(name);
}

/** The object's effect after a restore, or `undefined` when it is suspended, retained, or fails open. */
export function wakeOf(kind: string, namespace: string, name: string, value: KubeValue): Wake | undefined {
  const wake = (cause: WakeCause, detail: string): Wake => ({
    cause,
    kind,
    namespace: inertLine(namespace, 300),
    name: inertLine(name, 300),
    detail: inertLine(detail, 300),
  });
  const proto = value !== undefined && 'proto' in value ? value.proto : undefined;
  const json = value !== undefined && 'json' in value ? value.json : undefined;
  if (kind === CRONJOBS) {
    // CronJobSpec: 1 schedule, 4 suspend.
    const suspended = field(field(proto, 2)?.span, 4)?.value === 1;
    return suspended ? undefined : wake('cronjob', `runs on the schedule ${textAt(proto, 2, 1) ?? '(unknown)'}`);
  }
  if (kind === HPAS) return wake('autoscaler', 'changes the number of replicas');
  if (kind === VOLUMES) {
    // PersistentVolumeSpec: 5 persistentVolumeReclaimPolicy, 6 storageClassName.
    if (textAt(proto, 2, 5) !== 'Delete') return undefined;
    return wake(
      'reclaim-delete',
      `its data is deleted with its claim (storage class ${textAt(proto, 2, 6) || 'none'})`,
    );
  }
  if (kind === DEPLOYMENTS || kind.endsWith('.externaldns.k8s.io')) {
    return wake('external-dns', 'writes DNS records outside the cluster from the restored state');
  }
  if (kind === PLANS)
    return wake('upgrade-plan', `upgrades nodes to ${String(jsonAt(json, 'spec', 'version') ?? 'its channel')}`);
  if (WEBHOOKS.test(kind)) {
    // 2 webhooks (1 name, 4 failurePolicy); the API server stores the default, Fail, in full.
    const closed: string[] = [];
    for (const one of proto === undefined ? [] : fields(proto)) {
      if (one.number !== 2 || one.span === undefined) continue;
      if ((textAt(one.span, 4) ?? 'Fail') === 'Fail' && closed.length < 20)
        closed.push(textAt(one.span, 1) ?? '(no name)');
    }
    return closed.length === 0
      ? undefined
      : wake('webhook-fails-closed', `refuses requests while its service is down: ${closed.join(', ')}`);
  }
  if (GITOPS.test(kind)) {
    return jsonAt(json, 'spec', 'suspend') === true
      ? undefined
      : wake('gitops', 'applies what its source says, over the restored state');
  }
  return undefined;
}
