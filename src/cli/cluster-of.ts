import type { Cluster } from '../incident/cluster.js';
import type { Inventory } from '../inventory/types.js';

/** What of an inventory may be recorded and drawn: no source of a secret, no key path. */
export function clusterOf(inventory: Inventory): Cluster {
  return {
    name: inventory.cluster,
    drill: inventory.drill,
    ...(inventory.rehearsal === undefined ? {} : { rehearsal: inventory.rehearsal }),
    hosts: [...inventory.servers, ...inventory.agents].map(
      ({ name, role, address, port, nodeName, dataDir, service }) => ({
        name,
        role,
        address: port === undefined || port === 22 ? address : `${address} port ${port}`,
        nodeName,
        dataDir,
        service,
      }),
    ),
    ...(inventory.k3sProgram === undefined ? {} : { k3sProgram: inventory.k3sProgram }),
    ...(inventory.api === undefined ? {} : { api: inventory.api }),
    ...(inventory.approvers.length === 0 ? {} : { approvers: inventory.approvers.map((one) => one.name) }),
    contacts: inventory.contacts.map(({ name, how, role }) => ({ name, how, ...(role === undefined ? {} : { role }) })),
  };
}
