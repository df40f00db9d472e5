/** A host of the practice cluster, as its inventory knows it. */
export interface HostPlan {
  readonly name: string;
  readonly ip: string;
  readonly role: 'server' | 'agent';
}

export const HOSTS: readonly HostPlan[] = [1, 2, 3, 4, 5].map((number) => ({
  name: `node-${number}`,
  ip: `10.77.0.1${number}`,
  role: number <= 3 ? 'server' : 'agent',
}));
