{{/*
What makes every pod acceptable in a namespace that enforces the `restricted` standard, hooks and
jobs included. Called by every template that has a pod.
*/}}

{{- define "parlor-lib.pod" -}}
serviceAccountName: {{ .account | default .name }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 65532 }}
  runAsGroup: {{ .user | default 65532 }}
  fsGroup: {{ .user | default 65532 }}
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "parlor-lib.container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "parlor-lib.tmp-volume" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end }}

{{/* One credential a callee, each good for that callee alone, renewed by the kubelet. */}}
{{- define "parlor-lib.credentials-volume" -}}
- name: credentials
  projected:
    sources:
      {{- range .calls }}
      - serviceAccountToken:
          audience: {{ . }}.internal
          expirationSeconds: 600
          path: {{ . }}
      {{- end }}
{{- end }}

{{- define "parlor-lib.credentials-mount" -}}
- name: credentials
  mountPath: /var/run/secrets/parlor
  readOnly: true
{{- end }}

{{/* CAs of the database and of Kafka, where they are not the system's. */}}
{{- define "parlor-lib.ca-volumes" -}}
{{- with .root.Values.database.caSecretName }}
- name: database-ca
  secret:
    secretName: {{ . }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- if .kafka }}
{{- with .root.Values.kafka.caSecretName }}
- name: kafka-ca
  secret:
    secretName: {{ . }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end }}
{{- end }}

{{- define "parlor-lib.ca-mounts" -}}
{{- if .root.Values.database.caSecretName }}
- name: database-ca
  mountPath: /etc/parlor/database
  readOnly: true
{{- end }}
{{- if and .kafka .root.Values.kafka.caSecretName }}
- name: kafka-ca
  mountPath: /etc/parlor/kafka
  readOnly: true
{{- end }}
{{- end }}

{{- define "parlor-lib.health-probes" -}}
startupProbe:
  httpGet: {path: /livez, port: {{ .port }}}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end }}

{{/* Of a StatefulSet with a volume `data`: its claim, which stays when the release goes. */}}
{{- define "parlor-lib.claim" -}}
{{- if .enabled }}
volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClassName }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests: {storage: {{ .size }}}
{{- end }}
{{- end }}
