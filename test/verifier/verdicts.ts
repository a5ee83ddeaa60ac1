/** What the verifiers say of a file: the program's, and the one that shares no code with it. */
import * as dagJson from '@ipld/dag-json'
import { verify } from './standalone/certificate.mjs'

/** 'valid', 'proves nothing', or the sentence that names the reason. */
export function secondVerdict(bytes: Uint8Array): string {
  try {
    return verify(bytes).provesNothing ? 'proves nothing' : 'valid'
  } catch (error) {
    return (error as Error).message
  }
}

export const secondVerdictOf = (file: object): string => secondVerdict(dagJson.encode(file))
