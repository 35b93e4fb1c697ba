/** The columns of a message in `parked` and `dead_letter`, in the order in which `readEnvelope` takes them. */
export const ENVELOPE_COLUMNS = `p.message_id, p.source, p.topic, p.version, p.key, p.partition, p.headers::text, p.content_type,
  encode(p.payload, 'hex'), date_part('epoch', p.created_at), p.incarnation, p.sequence`;
