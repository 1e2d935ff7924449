locals {
  declared = jsondecode(file(var.indexes_path))

  # An index ends in __name__; the provider replans for ever where that is left to Firestore.
  indexes = {
    for index in [
      for entry in local.declared.indexes : {
        collection = entry.collectionGroup
        scope      = entry.queryScope
        fields = [
          for field in concat(
            entry.fields,
            entry.fields[length(entry.fields) - 1].fieldPath == "__name__" ? [] : [{
              fieldPath = "__name__"
              order     = try(entry.fields[length(entry.fields) - 1].order, "ASCENDING")
            }],
            ) : {
            path  = field.fieldPath
            order = try(field.order, null)
            array = try(field.arrayConfig, null)
          }
        ]
      }
    ] : "${index.collection}/${index.scope}/${join(",", [for field in index.fields : "${field.path} ${coalesce(field.order, field.array)}"])}" => index
  }

  # `indexes` replaces a field's automatic indexes (an empty list exempts it); without it they stay.
  fields = {
    for override in local.declared.fieldOverrides :
    "${override.collectionGroup}/${override.fieldPath}" => {
      collection = override.collectionGroup
      field      = override.fieldPath
      ttl        = try(override.ttl, false)
      indexes    = try(override.indexes, null)
    }
  }
}

resource "google_firestore_index" "this" {
  for_each = local.indexes

  project     = var.project_id
  database    = google_firestore_database.this.name
  collection  = each.value.collection
  query_scope = each.value.scope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path   = fields.value.path
      order        = fields.value.order
      array_config = fields.value.array
    }
  }
}

resource "google_firestore_field" "this" {
  for_each = local.fields

  project    = var.project_id
  database   = google_firestore_database.this.name
  collection = each.value.collection
  field      = each.value.field

  dynamic "index_config" {
    for_each = each.value.indexes == null ? [] : [each.value.indexes]
    content {
      dynamic "indexes" {
        for_each = index_config.value
        content {
          order        = try(indexes.value.order, null)
          array_config = try(indexes.value.arrayConfig, null)
          query_scope  = try(indexes.value.queryScope, "COLLECTION")
        }
      }
    }
  }

  dynamic "ttl_config" {
    for_each = each.value.ttl ? [true] : []
    content {}
  }
}
