import { defineCommand } from 'citty'
import { show } from './show.ts'

export const account = defineCommand({
  meta: { name: 'account', description: 'what is known of an account, with the evidence' },
  subCommands: { show },
})
