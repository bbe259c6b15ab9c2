{{/*
The environment of a process, as parlor_kit.settings reads it. A call gives root, name, values and
kafka, keys, calls of the process's row in files/topology.yaml.
*/}}

{{- define "parlor-lib.kafka-environment" -}}
{{- $kafka := .root.Values.kafka -}}
- name: PARLOR_KAFKA_BOOTSTRAP
  value: {{ if .root.Values.devKafka.enabled }}kafka:9092{{ else }}{{ required "kafka.bootstrap is needed: brokers as host:port, separated by commas" $kafka.bootstrap }}{{ end }}
- name: PARLOR_KAFKA_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- name: PARLOR_KAFKA_SASL_MECHANISM
  value: {{ $kafka.saslMechanism }}
- name: PARLOR_KAFKA_USERNAME
  valueFrom:
    secretKeyRef: {name: {{ required "kafka.secretName is needed: keys username and password" $kafka.secretName }}, key: username}
- name: PARLOR_KAFKA_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $kafka.secretName }}, key: password}
{{- end }}
{{- if $kafka.caSecretName }}
- name: PARLOR_KAFKA_CA_FILE
  value: /etc/parlor/kafka/ca.crt
{{- end }}
{{- end }}

{{- define "parlor-lib.environment" -}}
{{- $secret := include "parlor-lib.secret-name" . -}}
- name: PARLOR_REPLICA
  valueFrom:
    fieldRef: {fieldPath: metadata.name}
- name: PARLOR_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: database-url}
- name: PARLOR_SECRET_KEY
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: secret-key}
{{- if eq .name "chat" }}
- name: CHAT_SIGNING_KEY
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: signing-key}
{{- end }}
{{ if .kafka }}
{{- include "parlor-lib.kafka-environment" . }}
{{- else -}}
# This process never speaks to Kafka; its settings want an address.
- name: PARLOR_KAFKA_BOOTSTRAP
  value: none:9092
{{- end }}
- name: PARLOR_ISSUER
  value: {{ .root.Values.issuer | quote }}
- name: PARLOR_HEALTH_HOST
  value: 0.0.0.0
- name: PARLOR_HEALTH_PORT
  value: "9000"
- name: PARLOR_LOG_LEVEL
  value: {{ .root.Values.logLevel }}
{{- if .keys }}
- name: PARLOR_JWKS_URL
  value: http://identity:8000/.well-known/jwks.json
{{- end }}
{{- range .calls }}
- name: PARLOR_{{ upper . }}_URL
  value: http://{{ . }}-internal:8100
{{- end }}
{{- range $key, $value := .values.settings }}
- name: {{ $key }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The first admin; both keys or none. */}}
{{- define "parlor-lib.admin-environment" -}}
{{- $secret := include "parlor-lib.secret-name" . -}}
- name: PARLOR_ADMIN_EMAIL
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: admin-email, optional: true}
- name: PARLOR_ADMIN_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: admin-password, optional: true}
{{- end }}
