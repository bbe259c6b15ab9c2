{{/* Containers that several workloads have. */}}

{{/*
Waits until the migration Job has done its work, asking with the service's own role. It changes
nothing, so any number of replicas may wait at once, and old ones serve while new ones wait.
*/}}
{{- define "parlor-lib.await-migration" -}}
- name: await-migration
  image: {{ include "parlor-lib.image" (dict "root" .root "member" .name) }}
  imagePullPolicy: {{ .root.Values.imagePullPolicy }}
  command: [python, -m, parlor_{{ .name }}, await-migration, --seconds, "300"]
  env:
    {{- include "parlor-lib.environment" . | nindent 4 }}
  resources:
    {{- toYaml .root.Values.jobResources | nindent 4 }}
  {{- include "parlor-lib.container-security" . | nindent 2 }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    {{- include "parlor-lib.ca-mounts" . | nindent 4 }}
{{- end }}

{{/*
The only TCP port of the internal routes. A native sidecar: it starts before the app and ends after
it, and its readiness is the pod's. It has another user than the app; the group of the socket is
what they share. Its own token is for the issuer's keys and gives it nothing else.
*/}}
{{- define "parlor-lib.sidecar" -}}
- name: sidecar
  image: {{ include "parlor-lib.image" (dict "root" .root "member" "sidecar") }}
  imagePullPolicy: {{ .root.Values.imagePullPolicy }}
  restartPolicy: Always
  command: [python, -m, parlor_sidecar]
  env:
    - name: SIDECAR_PORT
      value: "8100"
    - name: SIDECAR_HEALTH_PORT
      value: "9001"
    - name: SIDECAR_UPSTREAM
      value: /run/parlor/internal.sock
    - name: SIDECAR_POLICY
      value: /etc/parlor/sidecar/sidecar.toml
    - name: SIDECAR_NAMESPACE
      valueFrom:
        fieldRef: {fieldPath: metadata.namespace}
    - name: SIDECAR_POD
      valueFrom:
        fieldRef: {fieldPath: metadata.name}
    - name: SIDECAR_ISSUER
      value: {{ .root.Values.serviceAccountIssuer.issuer | quote }}
    - name: SIDECAR_JWKS_URL
      value: {{ .root.Values.serviceAccountIssuer.jwksUrl | quote }}
    - name: SIDECAR_JWKS_CA_FILE
      value: /var/run/secrets/issuer/ca.crt
    - name: SIDECAR_JWKS_TOKEN_FILE
      value: /var/run/secrets/issuer/token
    {{- if .root.Values.serviceAccountIssuer.reviewUrl }}
    - name: SIDECAR_REVIEW_URL
      value: {{ .root.Values.serviceAccountIssuer.reviewUrl | quote }}
    {{- end }}
    {{- range $key, $value := .values.sidecar.settings }}
    - name: {{ $key }}
      value: {{ $value | quote }}
    {{- end }}
  ports:
    - {name: internal, containerPort: 8100}
    - {name: sidecar-health, containerPort: 9001}
  {{- include "parlor-lib.health-probes" (dict "port" "sidecar-health") | nindent 2 }}
  resources:
    {{- toYaml .values.sidecar.resources | nindent 4 }}
  securityContext:
    runAsUser: 65533
    runAsGroup: 65533
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
  volumeMounts:
    - {name: socket, mountPath: /run/parlor}
    - {name: sidecar-policy, mountPath: /etc/parlor/sidecar, readOnly: true}
    - {name: issuer, mountPath: /var/run/secrets/issuer, readOnly: true}
{{- end }}
