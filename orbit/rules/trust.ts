/**
 * Levels, computed from certified units and from nothing else. They decide audit rates and the vote, never a shortcut
 * to N.
 */
import type { Genesis } from './genesis.ts'

export type Level = 'UNTRUSTED' | 'VERIFIED' | 'TRUSTED' | 'ELITE'

/** @param acceptedUnits units certified with a result of this account */
export function levelOf(genesis: Genesis, acceptedUnits: number): Level {
  const { verified, trusted, elite } = genesis.body.trust
  if (acceptedUnits >= elite) return 'ELITE'
  if (acceptedUnits >= trusted) return 'TRUSTED'
  return acceptedUnits >= verified ? 'VERIFIED' : 'UNTRUSTED'
}
