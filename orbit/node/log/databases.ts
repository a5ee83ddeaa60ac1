/** The databases of a node that are open: one store of a name, however often it is asked for. */
import type { createOrbitDB } from '@orbitdb/core'
import type { Judge } from './access.ts'
import type { CatchUp } from './catch-up.ts'
import { DOCUMENTS_TYPE, type DocumentStore, type OpenedDatabase } from './documents.ts'

/** The access rules of a database, and the OrbitDB database type that applies them. */
export type Describe = (name: string) => { judge: Judge; Database: unknown }

export class OpenDatabases {
  private readonly orbitdb: Awaited<ReturnType<typeof createOrbitDB>>
  private readonly networkId: string
  private readonly catchUp: CatchUp
  private readonly describe: Describe
  private readonly stores = new Map<string, Promise<DocumentStore>>()

  constructor(orbitdb: OpenDatabases['orbitdb'], networkId: string, catchUp: CatchUp, describe: Describe) {
    this.orbitdb = orbitdb
    this.networkId = networkId
    this.catchUp = catchUp
    this.describe = describe
  }

  open(name: string): Promise<DocumentStore> {
    const known = this.stores.get(name)
    if (known) return known
    const opened = this.openNew(name)
    this.stores.set(name, opened)
    opened.catch(() => this.stores.delete(name))
    return opened
  }

  private async openNew(name: string): Promise<DocumentStore> {
    const { judge, Database } = this.describe(name)
    // The address is the hash of a manifest of name, type and access rules: the same on every node,
    // without a look-up.
    const { store, guarded } = (await this.orbitdb.open(`${this.networkId}/${name}`, {
      type: DOCUMENTS_TYPE,
      Database,
      AccessController: judge.controller(),
    })) as OpenedDatabase
    this.catchUp.add(guarded, (entry) => judge.judge(entry))
    const forget = async () => {
      this.stores.delete(name)
      await this.catchUp.remove(store.address)
    }
    return {
      ...store,
      close: async () => {
        await forget()
        await store.close()
      },
      drop: async () => {
        await forget()
        await store.drop()
      },
    }
  }
}
