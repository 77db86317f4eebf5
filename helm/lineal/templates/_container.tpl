{{/* The container of one role, without its name. Takes a dict: root, role, values (of the role), stateful. */}}
{{- define "lineal.container" -}}
image: {{ include "lineal.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [serve, --roles, {{ .role }}, --config, /etc/lineal/lineal.yaml]
{{- with include "lineal.env" . }}
env:
  {{- . | nindent 2 }}
{{- end }}
ports:
  - name: grpc
    containerPort: 7400
  - name: health
    containerPort: 7401
# Starting includes opening and migrating a database: two minutes, then the pod is started again.
startupProbe:
  grpc: { port: 7401, service: "" }
  periodSeconds: 2
  failureThreshold: 60
# Ready also depends on others, so it never restarts a pod.
readinessProbe:
  grpc: { port: 7401, service: lineal.ready }
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  grpc: { port: 7401, service: "" }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- if not .stateful }}
# Callers keep coming until every node has dropped the endpoint. The other roles have no second pod to
# go to: waiting would only make their updates longer.
lifecycle:
  preStop:
    sleep:
      seconds: 5
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml .values.resources | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/lineal
    readOnly: true
  - name: data
    mountPath: /var/lib/lineal
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{- define "lineal.env" -}}
{{- if .stateful -}}
{{- with .values.database.existingSecret -}}
- name: LINEAL__{{ upper $.role }}__DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.values.database.key }}
{{ end -}}
{{- if eq .role "trainer" -}}
{{- with .root.Values.signingKey.existingSecret -}}
- name: LINEAL__SIGNING__KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.root.Values.signingKey.key }}
{{- end -}}
{{- end -}}
{{- else -}}
# Each replica is spoken to by itself, past the Service. IPv4: an IPv6 address would need brackets.
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: LINEAL__INFERENCE__ADVERTISE
  value: http://$(POD_IP):7400
- name: LINEAL__INFERENCE__REPLICA
  value: $(POD_NAME)
{{- end -}}
{{- end -}}
