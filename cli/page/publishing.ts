/** Publishing the page: its folder as UnixFS, and the node's IPNS name pointed at it. */
import type { CID } from 'multiformats/cid'
import type { Service } from '../../orbit/node/service.ts'

/** The IPNS key of a node's page. */
const KEY = 'leaderboard'

export interface Published {
  /** CID of the folder. */
  readonly cid: string
  /** The IPNS name, for /ipns/<name>. */
  readonly name: string
}

/** @param directory what `leaderboard build` wrote */
export async function publishSite(service: Service, directory: string): Promise<Published> {
  const cid = await service.node.publishDirectory(directory)
  const name = await service.node.publishName(KEY, cid)
  return { cid: cid.toString(), name }
}

/** Resolves a published page and writes its files. @returns the CID of the folder */
export async function fetchSite(service: Service, name: string, directory: string): Promise<string> {
  const cid: CID = await service.node.resolveName(name)
  await service.node.exportDirectory(cid, directory)
  return cid.toString()
}
